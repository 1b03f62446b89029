"""Tests of a running stack: one module a behaviour."""
