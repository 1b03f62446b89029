"""A worker in its own process, whose only task leaks; its broker is in memory, its database is PostgreSQL."""
