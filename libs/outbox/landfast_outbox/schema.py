"""Migrations of the outbox's tables, and the rights on the tables, derived from the contracts.

``python -m landfast_outbox.schema`` runs before a release serves.
"""

from __future__ import annotations

import argparse
import logging
import logging.config
import sys
import time
from dataclasses import dataclass, replace
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
from landfast_runtime.schema.pending import REASON, Pending, report
from psycopg.errors import LockNotAvailable
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from landfast_outbox.databases import OWN_NAMES, connect
from landfast_outbox.rights import MADE_AT_START, differences, follow, roles_from_env
from landfast_outbox.store.rights import has_tables, missing_databases

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from alembic.script import Script
    from landfast_runtime.env import Env
    from sqlalchemy import Engine

    from landfast_outbox.rights import Roles

#: The label of log lines and connections: the one-shot's name.
SERVICE = "migrate-outbox"

#: Seconds for which a migration waits for running tasks, which hold their rows: a letter may take ten minutes.
PATIENCE = 900.0

#: Seconds between two attempts. Each makes new tasks wait for as long as its own wait for the lock (migrations/env.py).
PAUSE = 3.0

logger = logging.getLogger(__name__)


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Upgrade the tables to ``revision``; existing data stay.

    Args:
        engine: connects as the schema's owner.
        revision: the last revision.
    """
    with engine.connect() as connection:
        command.upgrade(_config(connection), revision)
        connection.commit()


def upgrade_between_tasks(engine: Engine, patience: float = PATIENCE, pause: float = PAUSE) -> None:
    """Upgrade the tables to the newest revision, and retry while running tasks hold locks on them.

    Args:
        engine: connects as the schema's owner.
        patience: seconds after which it gives up.
        pause: seconds between two attempts.

    Raises:
        ValueError: a task held the table for longer.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            return upgrade(engine)
        except OperationalError as error:
            if not isinstance(error.orig, LockNotAvailable):
                raise
            if time.monotonic() >= deadline:
                raise ValueError(
                    f"running tasks held the table of tasks for {patience:.0f} s, and a migration needs it alone for a "
                    "moment. Nothing was changed: repeat this when the long tasks have ended"
                ) from error
        logger.info("running tasks hold the table of tasks: the migration is tried again")
        time.sleep(pause)


def downgrade(engine: Engine, revision: str = "base") -> None:
    """Downgrade the tables to ``revision``.

    Args:
        engine: connects as the schema's owner.
        revision: the target revision.
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
    """Return the revisions of ``script`` that are pending, in order, with their incompatibilities.

    Args:
        script: all revisions.
        context: the database.

    Raises:
        ValueError: the database is at a revision that is not in ``script``.
    """
    heads = context.get_current_heads()
    try:
        revisions = list(script.iterate_revisions("heads", heads or "base"))
    except RevisionError as error:
        raise ValueError(
            f"the database is at {', '.join(heads)}, which this release does not know: a newer release ran last. "
            "Go back to it with rollback.yml, which runs no migration"
        ) from error
    review = Review()
    return [judged(revision, review) for revision in reversed(revisions)]


def judged(revision: Script, review: Review) -> Pending:
    """Return a revision with its changes that the previous release cannot work with.

    Args:
        revision: the revision; it is not run: Alembic only writes its SQL.
        review: the review of the revisions before it.
    """
    sql = StringIO()
    offline = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": sql})
    try:
        with offline.begin_transaction(), Operations.context(offline):
            revision.module.upgrade()
        problems = review.read(sql.getvalue())
    except Exception as error:  # noqa: BLE001 - a migration that queries the database may raise anything here
        problems = [f"cannot be analysed, as it queries the database ({type(error).__name__}: {error})"]
    name = f"{revision.revision} ({revision.doc.rstrip('.')})"
    return Pending(name, tuple(problems), getattr(revision.module, REASON, ""))


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


@dataclass(frozen=True)
class Settings:
    """The shared database, and the roles by database; the shared database's name is empty there."""

    shared: Postgres
    roles: Mapping[str, Roles]

    @classmethod
    def from_env(cls, env: Env) -> Settings:
        """Read ``POSTGRES_*``, the password, and the file derived from the contracts."""
        return cls(Postgres.from_env(env), roles_from_env(env))

    @property
    def databases(self) -> dict[Postgres, Roles]:
        """Each database, and the roles in it."""
        return {self.shared.of(name): roles for name, roles in self.roles.items()}

    def missing(self) -> list[str]:
        """Return the databases that PostgreSQL has not created yet."""
        with connect(self.shared, SERVICE) as connection:
            return missing_databases(connection, [postgres.database for postgres in self.databases])


def tell_pending(settings: Settings) -> None:
    """Print the changes that are pending in each database.

    Raises:
        ValueError: a database is newer than this code.
    """
    found: list[Pending] = []
    missing = settings.missing()
    for postgres, roles in settings.databases.items():
        there = [Pending("all revisions")]  # the previous release has no tables there, so nothing can break it
        if postgres.database not in missing:
            with connect(postgres, SERVICE) as connection:
                if has_tables(connection):
                    there = [*pending(_engine(postgres)), *map(Pending, differences(connection, roles))]
        found += [replace(each, name=f"{postgres.database}: {each.name}") for each in there]
    report(found)


def migrate(settings: Settings) -> None:
    """Upgrade the tables of each database to the newest revision, and bring the rights in line with the contracts.

    Raises:
        ValueError: PostgreSQL does not have one of the databases or roles.
    """
    if missing := settings.missing():
        raise ValueError(f"there is no database {', '.join(missing)} that outbox's owner may enter. {MADE_AT_START}")
    for postgres, roles in settings.databases.items():
        upgrade_between_tasks(_engine(postgres))
        with connect(postgres, SERVICE) as connection:
            for change in follow(connection, roles):
                logger.info(change, extra={"database": postgres.database})


def _engine(postgres: Postgres) -> Engine:
    arguments = {**postgres.parameters, "options": OWN_NAMES}
    return create_engine("postgresql+psycopg://", connect_args=arguments, poolclass=NullPool)


def main(arguments: Sequence[str] = ()) -> None:
    """Upgrade the tables and bring rights in line with the contracts: the one-shot ``migrate-outbox``.

    Args:
        arguments: the command line; ``--pending`` only reports the changes.
    """
    parser = argparse.ArgumentParser(prog="python -m landfast_outbox.schema", description=__doc__)
    parser.add_argument("--pending", action="store_true", help="report the changes, and change nothing")
    only_tell = parser.parse_args(arguments).pending
    settings = load(SERVICE, Settings.from_env)
    logging.config.dictConfig(logging_config(SERVICE, "WARNING" if only_tell else "INFO"))
    try:
        (tell_pending if only_tell else migrate)(settings)
    except (OperationalError, psycopg.OperationalError, ValueError) as error:
        sys.exit(f"{SERVICE}: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])
