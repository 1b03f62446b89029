"""Code that the tests of the running stack share."""
