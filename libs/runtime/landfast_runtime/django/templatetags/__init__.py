"""Template tags of the runtime."""
