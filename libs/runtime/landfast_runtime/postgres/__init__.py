"""PostgreSQL: waiting while it restarts, and statements that save a round trip."""
