"""The chaos suite: whatever dies under load, each accepted task is done, and done once. README.md says how it works."""
