"""Template tags of the news pages."""
