"""``python -m api.pending``: the revisions that ``alembic upgrade head`` would run. It changes nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from landfast_outbox.schema import missing
from landfast_runtime.schema.pending import Pending, report
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from api.config import load_database_settings
from api.db import CONNECT_TIMEOUT, database_url

ALEMBIC = Path(__file__).parent.parent / "alembic.ini"


def pending(connection: Connection) -> list[Pending]:
    """Return the pending revisions, in order.

    Args:
        connection: a connection of the schema's owner.

    Raises:
        ValueError: the database is newer than this code.
    """
    return missing(ScriptDirectory.from_config(Config(ALEMBIC)), MigrationContext.configure(connection))


def main() -> None:
    """Print a line for each revision, or stop with the reason if they are unknown or must not run."""
    url = database_url(load_database_settings().postgres)
    try:
        engine = create_engine(url, connect_args={"connect_timeout": CONNECT_TIMEOUT}, poolclass=NullPool)
        with engine.connect() as connection:
            found = pending(connection)
    except (OperationalError, ValueError) as error:
        sys.exit(f"migrate-api: {error}")
    report(found)


if __name__ == "__main__":
    main()
