"""The database backend for ``DATABASES``: Django's own for PostgreSQL, with requests that wait during its restart."""
