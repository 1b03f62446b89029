"""The transaction of a new task.

The first that exists: the transaction of the running durable task's effect, a transaction that a framework reports as
open here, a transaction of the framework that the process uses. Without any of them the task gets a transaction of its
own, in the database that the environment names.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from landfast_runtime.connections import Postgres
from landfast_runtime.env import ConfigError, Env
from psycopg.errors import AdminShutdown

from landfast_outbox import store
from landfast_outbox.databases import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from psycopg import Connection

    from landfast_outbox.store import Cursor
    from landfast_outbox.task import NewTask

#: The driver's connection of the durable task that runs now.
_running: ContextVar[Connection[Any] | None] = ContextVar("outbox_running", default=None)


class Writer(Protocol):
    """Writes tasks in the framework's transaction, or in one of their own."""

    def __call__(self, tasks: Sequence[NewTask], *, single: bool) -> None:
        """Write the tasks; a single statement is a transaction by itself, and needs no other."""


class Join(Protocol):
    """Finds a framework's transaction."""

    def __call__(self) -> AbstractContextManager[Cursor] | None:
        """Return a context manager for a cursor of the open transaction; None without one."""


#: Set once in each process.
_default: list[Writer] = []
_joins: list[Join] = []


class NotSetUpError(RuntimeError):
    """The process has no database for tasks that are written outside a transaction."""


def use(writer: Writer, join: Join | None = None) -> None:
    """Write tasks through a framework from now on; its adapter calls this, once a process.

    Args:
        writer: writes tasks for which no ``join`` found a transaction.
        join: finds the framework's open transaction; it stays in use after another framework's writer took over.
    """
    _default[:] = [writer]
    if join is not None and join not in _joins:
        _joins.append(join)


def write(tasks: Sequence[NewTask]) -> None:
    """Write tasks into the open transaction, or all of them into one of their own.

    Raises:
        NotSetUpError: no transaction is open, and the process has named no database.
    """
    if not tasks:
        return
    single = len(tasks) == 1 and not tasks[0].ordered
    joined = _joined()
    if joined is None:
        alone = _default[-1] if _default else _named_in_environment
        alone(tasks, single=single)
        return
    with joined as cursor:
        store.insert(cursor, tasks)


def _joined() -> AbstractContextManager[Cursor] | None:
    """Return a context manager for a cursor of the running task's transaction, or of one that a framework has open."""
    running = _running.get()
    if running is not None:
        return running.cursor()
    return next((found for join in _joins if (found := join()) is not None), None)


def again_if_ended(write: Callable[[], None]) -> None:
    """Write in a single statement, and retry once if the server ended the session: then nothing was written."""
    try:
        write()
    except Exception as error:
        if not isinstance(error.__cause__ or error, AdminShutdown):  # a framework may wrap the driver's
            raise
        write()


def _named_in_environment(tasks: Sequence[NewTask], *, single: bool) -> None:
    """Open a connection for one transaction: a plain Python shell in a service's container has set up no framework.

    Raises:
        NotSetUpError: the environment names no database.
    """
    try:
        postgres = Postgres.from_env(Env())
    except ConfigError as error:
        message = (
            "durable tasks need a database: call landfast_outbox.django.database.use_django or "
            "landfast_outbox.sqlalchemy.use_sqlalchemy"
        )
        raise NotSetUpError(message) from error
    with (
        connect(postgres, "shell") as connection,
        nullcontext() if single else connection.transaction(),
        connection.cursor() as cursor,
    ):
        store.insert(cursor, tasks)


@contextmanager
def running(connection: Connection[Any]) -> Iterator[None]:
    """Make the running task's transaction that of the tasks that are written within the block."""
    token = _running.set(connection)
    try:
        yield
    finally:
        _running.reset(token)
