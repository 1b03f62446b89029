"""Alembic's environment for the outbox's tables: all migrations run in one transaction of the connection it gets."""

from alembic import context
from sqlalchemy import text

#: The key of the advisory lock that lets one migration run at a time. The number has no meaning.
LOCK = 8_153_204_417
#: Longest wait of a statement for a lock, because every later query on the table waits behind it. The service retries.
LOCK_TIMEOUT = "2s"

connection = context.config.attributes["connection"]
context.configure(connection=connection, version_table="migration", version_table_schema="outbox")
with context.begin_transaction():
    connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
    context.run_migrations()
