"""Migrations before they run: which are pending, and what the release before could not live with."""
