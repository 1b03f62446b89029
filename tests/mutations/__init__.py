"""The promises broken on purpose: each break must turn a test red, in the fastest tier that can see it."""
