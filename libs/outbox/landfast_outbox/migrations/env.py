"""Alembic's way to the outbox's tables: a connection comes in, statements run in one transaction."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table="migration",
    version_table_schema="outbox",
    transaction_per_migration=True,
)
with context.begin_transaction():
    context.run_migrations()
