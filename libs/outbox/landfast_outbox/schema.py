"""The outbox's tables, made and changed step by step: ``python -m landfast_outbox.schema`` before a release serves."""

from __future__ import annotations

import logging.config
from pathlib import Path
from typing import TYPE_CHECKING

from alembic import command
from alembic.config import Config
from landfast_runtime.connections import Postgres
from landfast_runtime.env import load
from landfast_runtime.logs import logging_config
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from sqlalchemy import Engine


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Bring the tables to ``revision``; what is there already stays.

    Args:
        engine: connects as the schema's owner.
        revision: where to stop.
    """
    with engine.connect() as connection:
        command.upgrade(_config(connection), revision)
        connection.commit()


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Take the tables back to ``revision``.

    Args:
        engine: connects as the schema's owner.
        revision: where to stop.
    """
    with engine.connect() as connection:
        command.downgrade(_config(connection), revision)
        connection.commit()


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def main() -> None:
    """Bring the tables to the newest revision: the one-shot service ``migrate-outbox``."""
    postgres = load("migrate-outbox", Postgres.from_env)
    logging.config.dictConfig(logging_config("migrate-outbox", "INFO"))
    upgrade(create_engine("postgresql+psycopg://", connect_args=postgres.parameters, poolclass=NullPool))


if __name__ == "__main__":
    main()
