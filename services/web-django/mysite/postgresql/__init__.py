"""The database backend for ``DATABASES``: Django's own for PostgreSQL, quick to say that the database is away."""
