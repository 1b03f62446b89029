"""API keys: created and revoked on the command line (``flask keys``), shown once, stored as a hash."""
