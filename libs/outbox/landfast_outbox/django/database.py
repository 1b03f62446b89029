"""Django's adapter: tasks are written, and their bodies run, in transactions of Django's default connection."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, InterfaceError, OperationalError, connection, connections, transaction

from landfast_outbox import store, writing
from landfast_outbox.databases import DRIVER_OUTAGES, connect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from landfast_runtime.connections import Postgres
    from psycopg import Connection

    from landfast_outbox.task import NewTask


def use_django() -> None:
    """Write tasks through Django's default connection: inside ``atomic`` they share its transaction."""

    def write(tasks: Sequence[NewTask], *, single: bool) -> None:
        def insert() -> None:
            with connection.cursor() as cursor:
                store.insert(cursor, tasks)

        def insert_alone() -> None:
            connection.close_if_unusable_or_obsolete()  # the second call finds it wrapped already
            insert()

        if single and not connection.in_atomic_block:
            # Without a pool the session may hold locks of a running task, which has to fail together with the session.
            insert() if getattr(connection, "pool", None) is None else writing.again_if_ended(insert_alone)
        else:
            with transaction.atomic(savepoint=False):
                insert()

    writing.use(write)


class DjangoDatabase:
    """Django's default connection; a task's body uses models as usual.

    Args:
        postgres: the server's address and the role, for connections beside Django's.
    """

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    @property
    def outages(self) -> tuple[type[Exception], ...]:
        """The exceptions that are raised while the database is away."""
        return (*DRIVER_OUTAGES, OperationalError, InterfaceError)

    @contextmanager
    def transaction(self) -> Iterator[Connection[Any]]:
        """Open a transaction that commits when the block ends, and yield the driver's connection."""
        own = connections[DEFAULT_DB_ALIAS]  # Django's proxy would look it up at each use
        with transaction.atomic():
            own.ensure_connection()
            yield own.connection

    def ensure_it_commits(self) -> None:
        """Raise Django's exception if Django is going to roll the open transaction back in any case.

        Raises:
            django.db.transaction.TransactionManagementError: an inner block failed that could not be rolled back alone.
            django.db.OperationalError: the inner block failed because the database was away.
        """
        try:
            connection.validate_no_broken_transaction()
        except transaction.TransactionManagementError as error:
            if isinstance(error.__cause__, self.outages):
                raise error.__cause__ from None
            raise

    def connect(self) -> Connection[Any]:
        """Open a connection beside Django's own, without a transaction."""
        return connect(self._postgres, "worker-long")

    def reset(self) -> None:
        """Close Django's connection: the next query opens another."""
        connection.close()
