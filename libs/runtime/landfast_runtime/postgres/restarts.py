"""Waiting for a PostgreSQL that restarts: threads without a connection wait for some seconds, and one of them retries.

Only the connection is retried. No statement was sent before it, so none is ever sent twice.
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

#: Seconds from the first failure of an outage for which threads wait for a connection. All timeouts in front of the
#: services must be longer: docs/reference/limits.md
PATIENCE = 8.0

#: Seconds between two attempts.
PAUSE = 0.1

#: Error messages of a restarting server, and of the network while its container is away. The driver has no SQLSTATE for
#: errors before a session begins. Sources: PostgreSQL's backend_startup.c, libpq's fe-connect.c, psycopg's
#: _conninfo_attempts.py
_RESTARTING = re.compile(
    r"the database system is |terminating connection due to administrator command"
    r"|connection refused|connection reset|server closed the connection|no route to host|network is unreachable"
    r"|failed to resolve host|could not translate host name",
    re.IGNORECASE,
)


def is_restart(error: BaseException) -> bool:
    """Return whether a failed attempt to connect shows a server that will be back in a moment.

    A wrong password does not, nor does a server that is full or stays silent: waiting would not help.
    """
    return bool(_RESTARTING.search(str(error)))


def was_closed(connection: Connection[Any]) -> bool:
    """Return whether the server has closed an idle connection, without a round trip to the server.

    A closed connection has data to read: the server's last message. Other unsolicited messages of a server (a changed
    setting) are rare, and cost no more than a new connection.
    """
    if connection.closed:
        return True
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Outage:
    """An outage of a database, shared by the threads of a process.

    While the database restarts, the threads wait together, and one of them retries. In a longer outage they fail at
    once: otherwise every request would hang for seconds and occupy all threads, and delay the health check. Then one
    thread at a time checks whether the database is back.

    Args:
        patience: seconds of an outage for which all threads wait.
        pause: seconds between two attempts of a thread.
    """

    def __init__(self, patience: float = PATIENCE, pause: float = PAUSE) -> None:
        self._patience, self._pause = patience, pause
        self._changed = threading.Condition()
        self._began: float | None = None
        self._restarts = False
        self._retrying = False

    @property
    def known(self) -> bool:
        """Whether the last attempt to connect failed a moment ago."""
        return self._began is not None

    def connect[Connected](self, attempt: Callable[[], Connected]) -> Connected:
        """Return the connection of ``attempt``, as soon as the server accepts connections.

        Args:
            attempt: connects, or raises; called again while the server restarts.

        Raises:
            OperationalError: the last attempt's; or the database is away for longer, and another thread checks it.
        """
        error: OperationalError | None = None
        until = time.monotonic() + self._patience
        restarts = False
        while True:
            restarts = restarts or self._restarts
            retries = self._wait_for_turn(error, until)
            try:
                if retries and error is not None:
                    time.sleep(self._pause)
                connected = attempt()
                self._end()
            except OperationalError as failure:
                error = failure
                # A server may be silent just after its start: another thread's success ends the outage, and this thread
                # still waits for the rest of its time.
                restarts = restarts or is_restart(failure)
                if not self._begin(restarts=restarts):
                    raise
            else:
                return connected
            finally:
                if retries:
                    self._let_others_retry()

    def _wait_for_turn(self, error: OperationalError | None, until: float) -> bool:
        """Return whether this thread is to retry; without a known outage every thread may.

        Args:
            error: the error of this thread's last attempt.
            until: the time at which this thread gives up in any case.

        Raises:
            OperationalError: a longer wait would not help.
        """
        with self._changed:
            while self._began is not None:
                left = min(self._began + self._patience * self._restarts, until) - time.monotonic()
                if left <= 0 and (error or self._retrying):
                    raise error or OperationalError("connecting failed a moment ago")
                if not self._retrying:
                    self._retrying = True
                    return True
                self._changed.wait(left)
        return False

    def _begin(self, *, restarts: bool) -> bool:
        """Record a failure, and return whether the server restarts, according to this or an earlier failure."""
        with self._changed:
            self._began = self._began or time.monotonic()
            self._restarts = self._restarts or restarts
            return self._restarts

    def _end(self) -> None:
        with self._changed:
            self._began, self._restarts = None, False
            self._changed.notify_all()

    def _let_others_retry(self) -> None:
        with self._changed:
            self._retrying = False
            self._changed.notify()
