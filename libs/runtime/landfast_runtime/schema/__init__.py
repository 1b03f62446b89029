"""Pending migrations, and their changes that the previous release cannot work with."""
