"""The backend's connection class, in the module where Django expects it."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from django.db import OperationalError
from django.db.backends.postgresql import base
from landfast_runtime.postgres.restarts import PATIENCE, Outage, was_closed
from landfast_runtime.postgres.statements import has_begun
from psycopg.errors import AdminShutdown
from psycopg_pool import PoolTimeout

if TYPE_CHECKING:
    from collections.abc import Callable

_outage = Outage()


class DatabaseWrapper(base.DatabaseWrapper):
    """Django's connection, which waits for a database that restarts, and fails fast at one that is away."""

    def __init__(self, *settings: Any, **options: Any) -> None:  # noqa: ANN401 - as Django declares it
        """Create a connection that is not open yet."""
        super().__init__(*settings, **options)
        self.execute_wrappers.append(self._ask_again)

    def _ask_again(self, execute: Callable[..., Any], sql: object, *others: Any) -> Any:  # noqa: ANN401 - as Django calls it
        """Run a statement, and retry a query if the server ended its session instead of answering it.

        A server that reports the end has not run the statement, or has rolled it back; statements that may change data
        are left to the caller all the same. A server that drains may end the next session of the pool as well.
        """
        until = time.monotonic() + PATIENCE
        is_question = isinstance(sql, str) and sql.lstrip()[:6].upper() == "SELECT"
        while True:
            may_change = self._may_change_session
            try:
                return execute(sql, *others)
            except OperationalError as error:
                has_ended = isinstance(error.__cause__, AdminShutdown)
                if not (may_change and is_question and has_ended and time.monotonic() < until):
                    raise
            self._leave()
            self.connect()
            *_, context = others
            context["cursor"].cursor = self.create_cursor()

    @property
    def _may_change_session(self) -> bool:
        """Whether a statement may use another session than the last one: in a request, and outside a transaction.

        A task may hold a lock of its session, and has to fail with the session. Only requests have pooled connections.
        """
        return self.pool is not None and self.autocommit and not self.in_atomic_block

    def _set_autocommit(self, autocommit: bool) -> None:  # noqa: FBT001 - as Django declares it
        """Begin a request's transaction at once, on another connection if the server has ended this one's session."""
        set_autocommit = super()._set_autocommit  # type: ignore[misc] # its stubs lack it
        set_autocommit(autocommit)
        if autocommit or self.pool is None:
            return
        until = time.monotonic() + PATIENCE
        while not has_begun(self.connection) and time.monotonic() < until:
            self._leave()
            self.connect()
            set_autocommit(autocommit)

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:  # noqa: ANN401 - as Django declares it
        """Return a connection from the pool, or a new one without a pool."""
        return _outage.connect(partial(self._connect, conn_params))

    def _connect(self, conn_params: dict[str, Any]) -> Any:  # noqa: ANN401 - as above
        """Make one attempt, which fails at once with the reason if there is one.

        The pool may have no connection although the server accepts them: its attempt to reach a container that is gone
        lasts as long as ``connect_timeout``, and it begins no other meanwhile; or the machine is busy. Requests wait
        for that like for a restart.
        """
        until = time.monotonic() + PATIENCE
        if self.pool and _outage.known:
            self._ask(conn_params)
        while True:
            try:
                return super().get_new_connection(conn_params)
            except PoolTimeout:
                self._ask(conn_params)  # the pool keeps the reason to itself
                if time.monotonic() > until:
                    raise

    def _ask(self, conn_params: dict[str, Any]) -> None:
        """Connect beside the pool, and let the pool discard broken connections.

        Raises:
            psycopg.OperationalError: the reason for the missing connection.
        """
        self.Database.connect(**conn_params).close()
        self.pool.open()  # unless it is open
        self.pool.check()

    def close_if_health_check_failed(self) -> None:
        """Discard a connection that the server has closed, before a statement outside a transaction."""
        if self.connection is not None and self._may_change_session and was_closed(self.connection):
            self._leave()
        super().close_if_health_check_failed()

    def _leave(self) -> None:
        """Discard a connection that the server has closed."""
        self.connection.close()  # otherwise the pool would reuse it
        self.close()
