"""The database backend for ``DATABASES``: Django's own for PostgreSQL, which lets requests wait while that restarts."""
