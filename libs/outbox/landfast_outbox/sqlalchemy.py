"""SQLAlchemy's adapter: tasks are written, and their bodies run, in the transaction of a session or a connection."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.exc import InterfaceError, OperationalError

from landfast_outbox import store, writing
from landfast_outbox.databases import DRIVER_OUTAGES, connect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from landfast_runtime.connections import Postgres
    from psycopg import Connection as PsycopgConnection
    from sqlalchemy import Connection, Engine
    from sqlalchemy.orm import Session, SessionTransaction, sessionmaker

    from landfast_outbox.store import Cursor
    from landfast_outbox.task import NewTask

#: This thread's sessions with an open transaction; the innermost is the last.
_sessions: ContextVar[tuple[Session, ...]] = ContextVar("outbox_sessions", default=())

#: The same for connections, including those of the sessions.
_connections: ContextVar[tuple[Connection, ...]] = ContextVar("outbox_connections", default=())


def use_sqlalchemy(engine: Engine, sessions: sessionmaker[Session]) -> None:
    """Write tasks through the open session or connection, or in a transaction of their own.

    Args:
        engine: the engine for tasks that are written outside any session.
        sessions: the factory of the sessions that tasks belong to.
    """
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
            writing.again_if_ended(partial(insert_at_once, tasks))
        else:
            with engine.begin() as connection, _raw(connection) as cursor:
                store.insert(cursor, tasks)

    writing.use(write, _join)


def _join() -> AbstractContextManager[Cursor] | None:
    connection = _open_here()
    return None if connection is None else _raw(connection)


def _open_here() -> Connection | None:
    """Return the connection with this thread's open transaction; one that another thread has ended does not count."""
    for session in reversed(_sessions.get()):
        if session.in_transaction():
            session.flush()  # so that the rows that the task refers to are written before it
            return session.connection()
    return next((each for each in reversed(_connections.get()) if not each.closed and each.in_transaction()), None)


@contextmanager
def _raw(connection: Connection) -> Iterator[Cursor]:
    cursor: Any = connection.connection.cursor()  # psycopg's, as the URL says
    try:
        yield cursor
    finally:
        cursor.close()


@contextmanager
def _at_once(engine: Engine) -> Iterator[Cursor]:
    """Yield a cursor from the engine's pool in autocommit mode, without SQLAlchemy's overhead."""
    borrowed = engine.raw_connection()
    try:
        connection: Any = borrowed.driver_connection  # psycopg's, as the URL says
        before, connection.autocommit = connection.autocommit, True
        with connection.cursor() as cursor:
            yield cursor
        connection.autocommit = before
    except BaseException as error:
        borrowed.invalidate(error)  # a connection in an unknown state does not return to the pool
        raise
    finally:
        borrowed.close()


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


class SQLAlchemyDatabase:
    """An engine; the task's body gets its transaction from :func:`connection`.

    Args:
        engine: returns the process's engine, which is created after the fork.
        postgres: the server's address and the role, for connections beside the engine's.
    """

    _current: ContextVar[Connection | None] = ContextVar("outbox_sqlalchemy", default=None)

    def __init__(self, engine: Callable[[], Engine], postgres: Postgres) -> None:
        self._engine = engine
        self._postgres = postgres

    @property
    def outages(self) -> tuple[type[Exception], ...]:
        """The exceptions that are raised while the database is away."""
        return (*DRIVER_OUTAGES, OperationalError, InterfaceError)

    @contextmanager
    def transaction(self) -> Iterator[PsycopgConnection[Any]]:
        """Open a transaction that commits when the block ends, and yield the driver's connection."""
        with self._engine().begin() as opened:
            token = self._current.set(opened)
            try:
                yield opened.connection.driver_connection  # type: ignore[misc]  # psycopg's, as the URL says
            finally:
                self._current.reset(token)

    def ensure_it_commits(self) -> None:
        """Do nothing: SQLAlchemy rolls a failed transaction back at once."""

    def connect(self) -> PsycopgConnection[Any]:
        """Open a connection beside the engine's, without a transaction."""
        return connect(self._postgres, "worker-long")

    def reset(self) -> None:
        """Close the engine's connections: the next query opens another."""
        self._engine().dispose()

    @classmethod
    def connection(cls) -> Connection:
        """Return the connection whose transaction completes the running task.

        Raises:
            RuntimeError: no durable task runs here, or it has no transaction now.
        """
        current = cls._current.get()
        if current is None:
            raise RuntimeError("no durable task has a SQLAlchemy transaction here")
        return current
