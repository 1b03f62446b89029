"""Waiting for a PostgreSQL that restarts: threads without a connection wait for some seconds, and one of them retries.

Only the connection is retried. No statement was sent before it, so none is ever sent twice.
"""

from __future__ import annotations

import logging
import re
import select
import threading
import time
from typing import TYPE_CHECKING, Any

from psycopg import OperationalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from psycopg import Connection

log = logging.getLogger(__name__)

#: Seconds from the first failure of an outage for which threads wait for a connection. All timeouts in front of the
#: services must be longer: docs/reference/limits.md
PATIENCE = 8.0

#: Seconds between two attempts.
PAUSE = 0.1

#: Seconds from which on an attempt is too slow for a request, and that a request waits for the scout.
SLOW = 0.3

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
    thread at a time checks whether the database is back. If attempts take seconds, because the server's host is gone,
    this thread is none of a request: a scout tries until it gets an answer.

    Args:
        patience: seconds of an outage for which all threads wait.
        pause: seconds between two attempts of a thread.
        slow: seconds from which on an attempt is left to the scout, and for which a thread waits for it.
    """

    def __init__(self, patience: float = PATIENCE, pause: float = PAUSE, slow: float = SLOW) -> None:
        self._patience, self._pause, self._slow = patience, pause, slow
        self._changed = threading.Condition()
        self._began: float | None = None
        self._restarts = False
        self._retrying = False
        self._took = 0.0  # seconds of the last failed attempt

    @property
    def known(self) -> bool:
        """Whether the last attempt to connect failed a moment ago."""
        return self._began is not None

    def connect[Connected](
        self, attempt: Callable[[], Connected], probe: Callable[[], object] | None = None
    ) -> Connected:
        """Return the connection of ``attempt``, as soon as the server accepts connections.

        Args:
            attempt: connects, or raises; called again while the server restarts.
            probe: connects and closes the connection, or raises; the scout calls it, in another thread.

        Raises:
            OperationalError: the last attempt's; or the database is away for longer, and another thread checks it.
        """
        error: OperationalError | None = None
        until = time.monotonic() + self._patience
        restarts = False
        while True:
            restarts = restarts or self._restarts
            retries = self._wait_for_turn(error, until, probe)
            try:
                if retries and error is not None:
                    time.sleep(self._pause)
                began = time.monotonic()
                connected = attempt()
                self._end()
            except OperationalError as failure:
                error, self._took = failure, time.monotonic() - began
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

    def _wait_for_turn(self, error: OperationalError | None, until: float, probe: Callable[[], object] | None) -> bool:
        """Return whether this thread is to retry; without a known outage every thread may.

        Args:
            error: the error of this thread's last attempt.
            until: the time at which this thread gives up in any case.
            probe: the scout's attempt.

        Raises:
            OperationalError: a longer wait would not help.
        """
        with self._changed:
            while self._began is not None:
                left = min(self._began + self._patience * self._restarts, until) - time.monotonic()
                lasts = time.monotonic() - self._began >= self._patience  # a busy machine is slow for a moment, too
                if left <= 0 and lasts and probe and not error and self._took >= self._slow:
                    self._send_scout(probe)
                    self._changed.wait_for(lambda: self._began is None or not self._retrying, self._slow)
                    if self._began is None:
                        return False
                if left <= 0 and (error or self._retrying):
                    raise error or OperationalError("connecting failed a moment ago")
                if not self._retrying:
                    self._retrying = True
                    return True
                self._changed.wait(left)
        return False

    def _send_scout(self, probe: Callable[[], object]) -> None:
        """Let a thread check whether the database is back, unless some thread does already."""
        if not self._retrying:
            self._retrying = True
            threading.Thread(target=self._scout, args=(probe,), name="database-scout", daemon=True).start()

    def _scout(self, probe: Callable[[], object]) -> None:
        """Connect until that works, or fails so fast that a request may retry by itself, and report the reason."""
        try:
            while self._took >= self._slow:
                began = time.monotonic()
                try:
                    probe()
                except OperationalError:
                    self._took = time.monotonic() - began
                    time.sleep(self._pause)
                else:
                    self._end()
                    return
        except Exception:
            log.exception("looking for the database failed")
        finally:
            self._let_others_retry()

    def _begin(self, *, restarts: bool) -> bool:
        """Record a failure, and return whether the server restarts, according to this or an earlier failure."""
        with self._changed:
            self._began = self._began or time.monotonic()
            self._restarts = self._restarts or restarts
            return self._restarts

    def _end(self) -> None:
        with self._changed:
            self._began, self._restarts, self._took = None, False, 0.0
            self._changed.notify_all()

    def _let_others_retry(self) -> None:
        with self._changed:
            self._retrying = False
            self._changed.notify()
