"""Runs migrations on the database in the environment, as the schema's owner."""

from __future__ import annotations

import logging.config

from alembic import context
from api.config import load_database_settings
from api.db import database_url
from api.tables import Base
from landfast_runtime.logs import logging_config
from sqlalchemy import Connection, create_engine, text

#: The key of the advisory lock that lets one migration run at a time; the number is this service's own.
LOCK = 72_619_003

#: Longest wait of a migration for a lock, because every later request waits behind it.
LOCK_TIMEOUT = "10s"


def migrate(connection: Connection) -> None:
    """Run pending revisions in one transaction. The version table is in the role's search_path, like all tables."""
    context.configure(connection=connection, target_metadata=Base.metadata, compare_server_default=True)
    with context.begin_transaction():
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.run_migrations()


def main() -> None:
    """Migrate the caller's connection if there is one (in tests), else the service's database."""
    connection: Connection | None = context.config.attributes.get("connection")
    if connection is not None:
        migrate(connection)
        return
    settings = load_database_settings()
    logging.config.dictConfig(logging_config("migrate-api", settings.log_level))
    with create_engine(database_url(settings.postgres), connect_args={"connect_timeout": 10}).connect() as connection:
        migrate(connection)


main()
