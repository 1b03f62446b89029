"""The outbox's tables, made and changed step by step, and the rights on them, as the contracts want them.

``python -m landfast_outbox.schema`` before a release serves.
"""

from __future__ import annotations

import argparse
import logging
import logging.config
import sys
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from alembic import command
from alembic.config import Config
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import RevisionError
from landfast_runtime.connections import Postgres
from landfast_runtime.env import load
from landfast_runtime.logs import logging_config
from landfast_runtime.schema.compatibility import Review
from landfast_runtime.schema.pending import REASON, Pending, tell
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from landfast_outbox.databases import connect
from landfast_outbox.rights import differences, follow, parts_from_env

if TYPE_CHECKING:
    from collections.abc import Sequence

    from alembic.script import Script
    from landfast_runtime.env import Env
    from sqlalchemy import Engine

    from landfast_outbox.rights import Parts

#: What log lines and connections are labelled with: the one-shot's name.
SERVICE = "migrate-outbox"

logger = logging.getLogger(__name__)


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


def pending(engine: Engine) -> list[Pending]:
    """Return the revisions that :func:`upgrade` would run.

    Args:
        engine: connects as the schema's owner.

    Raises:
        ValueError: the database is newer than this code.
    """
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(_config(connection))
        table = {"version_table": "migration", "version_table_schema": "outbox"}
        return missing(script, MigrationContext.configure(connection, opts=table))


def missing(script: ScriptDirectory, context: MigrationContext) -> list[Pending]:
    """Return the revisions of ``script`` that the database has not seen, in their order, and what is wrong with them.

    Args:
        script: the revisions that there are.
        context: the database.

    Raises:
        ValueError: the database is at a revision that is none of them.
    """
    heads = context.get_current_heads()
    try:
        revisions = list(script.iterate_revisions("heads", heads or "base"))
    except RevisionError as error:
        raise ValueError(
            f"the database is at {', '.join(heads)}, which this release does not know: it is older than what ran last. "
            "Go back to it with rollback.yml, which runs no migration"
        ) from error
    review = Review()
    return [judged(revision, review) for revision in reversed(revisions)]


def judged(revision: Script, review: Review) -> Pending:
    """Return a revision with what the release before could not live with.

    Args:
        revision: it runs nowhere; Alembic writes down its SQL.
        review: has read the revisions before it.
    """
    sql = StringIO()
    offline = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": sql})
    try:
        with offline.begin_transaction(), Operations.context(offline):
            revision.module.upgrade()
        problems = review.read(sql.getvalue())
    except Exception as error:  # noqa: BLE001 - whatever a migration does with what only a database can answer
        problems = [f"cannot be judged, as it asks the database ({type(error).__name__}: {error})"]
    name = f"{revision.revision} ({revision.doc.rstrip('.')})"
    return Pending(name, tuple(problems), getattr(revision.module, REASON, ""))


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def settings(env: Env) -> tuple[Postgres, Parts]:
    """Read ``POSTGRES_*``, its password, and which roles do what with tasks."""
    return Postgres.from_env(env), parts_from_env(env)


def main(arguments: Sequence[str] = ()) -> None:
    """Bring the tables to the newest revision, and rights in line with the contracts: the one-shot ``migrate-outbox``.

    Args:
        arguments: with ``--pending`` it only tells what it would do.
    """
    parser = argparse.ArgumentParser(prog="python -m landfast_outbox.schema", description=__doc__)
    parser.add_argument("--pending", action="store_true", help="tell what would be changed, and change nothing")
    only_tell = parser.parse_args(arguments).pending
    postgres, parts = load(SERVICE, settings)
    engine = create_engine("postgresql+psycopg://", connect_args=postgres.parameters, poolclass=NullPool)
    if not only_tell:
        logging.config.dictConfig(logging_config(SERVICE, "INFO"))
        upgrade(engine)
    try:
        with connect(postgres, SERVICE) as connection:
            if only_tell:
                tell([*pending(engine), *map(Pending, differences(connection, parts))])
            else:
                for change in follow(connection, parts):
                    logger.info(change)
    except (OperationalError, psycopg.OperationalError, ValueError) as error:
        sys.exit(f"{SERVICE}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
