"""Which transaction a new task belongs to.

Asked in this order: a durable task that runs now (its effects' transaction), a SQLAlchemy session that is inside a
transaction, a SQLAlchemy connection that is, Django's connection. Without any of them the task is a transaction of its
own, in the database that the environment names.
"""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from landfast_runtime.connections import Postgres
from landfast_runtime.env import ConfigError, Env
from psycopg.errors import AdminShutdown

from landfast_outbox import store
from landfast_outbox.databases import connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from psycopg import Connection as PsycopgConnection
    from sqlalchemy import Connection, Engine
    from sqlalchemy.orm import Session, SessionTransaction, sessionmaker

    from landfast_outbox.store import Cursor
    from landfast_outbox.task import NewTask

#: The sessions of this thread that are inside a transaction; the innermost is the last.
_sessions: ContextVar[tuple[Session, ...]] = ContextVar("outbox_sessions", default=())

#: So for connections, those of the sessions among them.
_connections: ContextVar[tuple[Connection, ...]] = ContextVar("outbox_connections", default=())

#: The driver's connection of the durable task that runs now.
_running: ContextVar[PsycopgConnection[Any] | None] = ContextVar("outbox_running", default=None)


class Writer(Protocol):
    """Writes tasks in the framework's transaction, or in one of their own."""

    def __call__(self, tasks: Sequence[NewTask], *, single: bool) -> None:
        """Write; a single statement is a transaction by itself, and needs no other."""


#: Set once a process.
_default: list[Writer] = []


class NotSetUpError(RuntimeError):
    """No database was named for tasks that are written outside a transaction."""


def write(tasks: Sequence[NewTask]) -> None:
    """Write tasks into the transaction that is open here, or else all of them into one of their own.

    Raises:
        NotSetUpError: there is none, and the process named no database.
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
    """Return what opens a cursor of the transaction that is open here; None without any that is not Django's."""
    running = _running.get()
    if running is not None:
        return running.cursor()
    connection = _sqlalchemy()
    return None if connection is None else _raw(connection)


def _once_more_if_ended(write: Callable[[], None]) -> None:
    """Write in a single statement, and again if the server ended the session instead: it has written nothing then."""
    try:
        write()
    except Exception as error:
        if not isinstance(error.__cause__ or error, AdminShutdown):  # Django wraps the driver's
            raise
        write()


def _named_in_environment(tasks: Sequence[NewTask], *, single: bool) -> None:
    """Open a connection for one transaction: a plain Python shell in a service's container knows no framework.

    Raises:
        NotSetUpError: the environment names no database.
    """
    try:
        postgres = Postgres.from_env(Env())
    except ConfigError as error:
        message = "durable tasks need a database: call landfast_outbox.writing.use_django or use_sqlalchemy"
        raise NotSetUpError(message) from error
    with (
        connect(postgres, "shell") as connection,
        nullcontext() if single else connection.transaction(),
        connection.cursor() as cursor,
    ):
        store.insert(cursor, tasks)


def _sqlalchemy() -> Connection | None:
    """Return the connection whose transaction is open here. One that was ended in another thread is not."""
    for session in reversed(_sessions.get()):
        if session.in_transaction():
            session.flush()  # so that what the task is about is there before it
            return session.connection()
    return next((each for each in reversed(_connections.get()) if not each.closed and each.in_transaction()), None)


@contextmanager
def running(connection: PsycopgConnection[Any]) -> Iterator[None]:
    """Let tasks that are written within the block belong to the running task's transaction."""
    token = _running.set(connection)
    try:
        yield
    finally:
        _running.reset(token)


@contextmanager
def _raw(connection: Connection) -> Iterator[Cursor]:
    cursor: Any = connection.connection.cursor()  # psycopg's, as the URL says
    try:
        yield cursor
    finally:
        cursor.close()


@contextmanager
def _at_once(engine: Engine) -> Iterator[Cursor]:
    """Hand out a cursor of the engine's pool whose statement commits by itself, without SQLAlchemy's part of it."""
    borrowed = engine.raw_connection()
    try:
        connection: Any = borrowed.driver_connection  # psycopg's, as the URL says
        before, connection.autocommit = connection.autocommit, True
        with connection.cursor() as cursor:
            yield cursor
        connection.autocommit = before
    except BaseException as error:
        borrowed.invalidate(error)  # what is in doubt goes to nobody else
        raise
    finally:
        borrowed.close()


def use_django() -> None:
    """Write tasks through Django's default connection: inside ``atomic`` they share its transaction."""
    from django.db import connection, transaction  # noqa: PLC0415 - services without Django use the rest of this module

    def write(tasks: Sequence[NewTask], *, single: bool) -> None:
        def insert() -> None:
            with connection.cursor() as cursor:
                store.insert(cursor, tasks)

        def insert_alone() -> None:
            connection.close_if_unusable_or_obsolete()  # which it is the second time
            insert()

        if single and not connection.in_atomic_block:
            # Without a pool the session may hold locks of a task that runs, which has to fail with it.
            insert() if getattr(connection, "pool", None) is None else _once_more_if_ended(insert_alone)
        else:
            with transaction.atomic(savepoint=False):
                insert()

    _default[:] = [write]


def use_sqlalchemy(engine: Engine, sessions: sessionmaker[Session]) -> None:
    """Write tasks through the session or the connection that is open, or in a transaction of their own.

    Args:
        engine: for tasks that are written outside any session.
        sessions: makes the sessions that tasks shall belong to.
    """
    from sqlalchemy import event  # noqa: PLC0415 - services without SQLAlchemy use the rest of this module

    event.listen(sessions, "after_transaction_create", _begun)
    event.listen(sessions, "after_transaction_end", _ended)
    event.listen(engine, "begin", _connection_begun)
    event.listen(engine, "commit", _connection_ended)
    event.listen(engine, "rollback", _connection_ended)

    def insert_at_once(tasks: Sequence[NewTask]) -> None:
        with _at_once(engine) as cursor:
            store.insert(cursor, tasks)

    def write(tasks: Sequence[NewTask], *, single: bool) -> None:
        if single:
            _once_more_if_ended(partial(insert_at_once, tasks))
        else:
            with engine.begin() as connection, _raw(connection) as cursor:
                store.insert(cursor, tasks)

    _default[:] = [write]


def _begun(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        _sessions.set((*_sessions.get(), session))


def _ended(session: Session, transaction: SessionTransaction) -> None:
    if transaction.parent is None:
        _sessions.set(tuple(each for each in _sessions.get() if each is not session))


def _connection_begun(connection: Connection) -> None:
    _connections.set((*(each for each in _connections.get() if not each.closed), connection))


def _connection_ended(connection: Connection) -> None:
    _connections.set(tuple(each for each in _connections.get() if each is not connection))
