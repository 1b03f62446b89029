"""What the unit tests of services share; no image holds it."""
