"""Alembic's way to the outbox's tables: a connection comes in, statements run in one transaction."""

from alembic import context
from sqlalchemy import text

#: Who migrates waits for whoever does already; any number does, as long as it is the same.
LOCK = 8_153_204_417
#: How long a statement waits for a table in use, before it gives up rather than hold up everybody behind it.
LOCK_TIMEOUT = "10s"

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table="migration", version_table_schema="outbox")
with context.begin_transaction():
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    context.run_migrations()
