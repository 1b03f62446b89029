"""Bare machines that become servers."""
