"""Code that services' unit tests share; no image contains it."""
