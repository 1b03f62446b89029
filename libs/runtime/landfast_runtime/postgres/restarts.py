"""Waiting for a PostgreSQL that restarts: those who want a connection wait for some seconds, and one of them asks.

Only connecting is tried again. No statement was sent by then, so none is ever sent twice.
"""

from __future__ import annotations

import re
import select
import threading
import time
from typing import TYPE_CHECKING, Any

from psycopg import OperationalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

#: Seconds from the first failure of an outage for which a connection is waited for. All that stands in front of the
#: services must be more patient: docs/reference/limits.md
PATIENCE = 8.0

#: Seconds between two attempts.
PAUSE = 0.1

#: How a server refuses that restarts, and what the network says while its container is away. The driver has no SQLSTATE
#: for what goes wrong before a session begins. Sources: PostgreSQL's backend_startup.c, libpq's fe-connect.c, psycopg's
#: _conninfo_attempts.py
_RESTARTING = re.compile(
    r"the database system is |terminating connection due to administrator command"
    r"|connection refused|connection reset|server closed the connection|no route to host|network is unreachable"
    r"|failed to resolve host|could not translate host name",
    re.IGNORECASE,
)


def is_restart(error: BaseException) -> bool:
    """Return whether an attempt to connect failed in the way of a server that will be back in a moment.

    A wrong password is none, nor is a server that is full or stays silent: waiting for these helps nobody.
    """
    return bool(_RESTARTING.search(str(error)))


def was_closed(connection: Connection[Any]) -> bool:
    """Return whether the server has closed a connection that waits for no answer, without a trip to the server.

    There is something to read then: the server's farewell. Other words of a server that nobody asked (a changed
    setting) are rare, and cost no more than another connection.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Outage:
    """A database that is away, as the threads of a process know it.

    While it restarts they wait together, and one of them asks. When it is away for longer they are told at once, or
    every request would stand still for seconds and fill all threads, with the health check behind them. Then
    one thread at a time finds out whether it is back.

    Args:
        patience: seconds of an outage for which all wait.
        pause: seconds between two attempts of a thread.
    """

    def __init__(self, patience: float = PATIENCE, pause: float = PAUSE) -> None:
        self._patience, self._pause = patience, pause
        self._changed = threading.Condition()
        self._began: float | None = None
        self._restarts = False
        self._asking = False

    @property
    def known(self) -> bool:
        """Whether connecting failed a moment ago."""
        return self._began is not None

    def connect[Connected](self, attempt: Callable[[], Connected]) -> Connected:
        """Return what ``attempt`` connects to, as soon as the server takes connections.

        Args:
            attempt: connects, or raises; called again while the server restarts.

        Raises:
            OperationalError: that of the last attempt; or the database is away for longer, and another thread asks it.
        """
        error: OperationalError | None = None
        until = time.monotonic() + self._patience
        restarts = False
        while True:
            restarts = restarts or self._restarts
            asks = self._wait_for_turn(error, until)
            try:
                if asks and error is not None:
                    time.sleep(self._pause)
                connected = attempt()
                self._end()
            except OperationalError as failure:
                error = failure
                # A server that is just back may be silent for a moment: another thread's success ends the outage, and
                # this thread still waits for the rest of its time.
                restarts = restarts or is_restart(failure)
                if not self._begin(restarts=restarts):
                    raise
            else:
                return connected
            finally:
                if asks:
                    self._let_others_ask()

    def _wait_for_turn(self, error: OperationalError | None, until: float) -> bool:
        """Return whether this thread is the one that asks; no one has to be while nothing is known of an outage.

        Args:
            error: that of this thread's last attempt.
            until: when this thread gives up, whatever others find.

        Raises:
            OperationalError: it is not worth waiting any longer.
        """
        with self._changed:
            while self._began is not None:
                left = min(self._began + self._patience * self._restarts, until) - time.monotonic()
                if left <= 0 and (error or self._asking):
                    raise error or OperationalError("no connection could be had a moment ago")
                if not self._asking:
                    self._asking = True
                    return True
                self._changed.wait(left)
        return False

    def _begin(self, *, restarts: bool) -> bool:
        """Take note of a failure, and return whether the server restarts, as this or an earlier one said."""
        with self._changed:
            self._began = self._began or time.monotonic()
            self._restarts = self._restarts or restarts
            return self._restarts

    def _end(self) -> None:
        with self._changed:
            self._began, self._restarts = None, False
            self._changed.notify_all()

    def _let_others_ask(self) -> None:
        with self._changed:
            self._asking = False
            self._changed.notify()
