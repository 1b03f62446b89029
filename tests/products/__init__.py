"""Products of others, each described by a contract and a Dockerfile alone."""
