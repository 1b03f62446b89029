"""Attacks from outside and between containers; each was found once."""
