"""What the tests of the running stack share."""
