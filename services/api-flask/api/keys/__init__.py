"""API keys: made and revoked on the command line (``flask keys``), shown once, kept as a hash."""
