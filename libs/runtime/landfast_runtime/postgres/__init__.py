"""PostgreSQL: waiting while it restarts, and statements that save a trip to it."""
