"""The accounts pages, by topic."""
