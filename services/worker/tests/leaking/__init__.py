"""A worker in a process of its own, whose one task leaks: its broker is its own memory, its database PostgreSQL."""
