"""Part of the bare project."""
