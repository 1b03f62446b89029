"""The lease of a program that must run once, such as beat: several processes may want it, one has it at any moment.

A session of PostgreSQL has the lease while it holds an advisory lock. A process that dies loses its session, and with
it the lease. A process that is cut off or frozen loses the session, too, and may not know it: so each send is a
transaction that looks for the lock first, and the next holder waits for the end of such transactions.
docs/adr/0054 has the reasons.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from landfast_outbox import store, writing
from landfast_outbox.databases import DRIVER_OUTAGES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

    from landfast_outbox.databases import Database

log = logging.getLogger(__name__)


class LeaseLostError(RuntimeError):
    """Another process has the lease, or may take it: this one must not send."""


class Lease:
    """The lease of a name, for one role in one database.

    Args:
        database: the database that keeps it, and in which tasks are written.
        name: the same for all processes of which one may send.
        taken: called after each time that the lease was taken, with whether another process had it meanwhile.
    """

    def __init__(self, database: Database, name: str, taken: Callable[[bool], None]) -> None:
        self._database, self._name, self._taken = database, name, taken
        self._connection: Connection[Any] | None = None
        self._keys = store.LeaseKeys(0, 0)
        self._pid = 0
        self._locked = self._held = False
        self._another = False
        self._reason = ""

    def held(self) -> bool:
        """Return whether this process has the lease now; if it is free, take it. One round trip."""
        try:
            held = self._confirm() if self._held else self._take()
        except DRIVER_OUTAGES as error:
            self._forget()
            self._wait_for(f"the database is away: {error}")
            return False
        if held and not self._held:
            self._held = True
            self._reason = ""
            log.info("%s has its lease", self._name)
            self._taken(self._another)
            self._another = False
        return held

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Open the transaction of one send: a durable task that is sent within the block belongs to it.

        Raises:
            LeaseLostError: this process does not have the lease.
        """
        with self._database.transaction() as connection, writing.running(connection):
            if not (self._held and store.may_send(connection, self._keys, self._pid)):
                raise LeaseLostError(f"{self._name} has lost its lease, and sends nothing")
            yield

    def release(self) -> None:
        """Let another process have the lease at once: the server takes a moment to end a session that is closed."""
        if self._connection is not None and self._locked:
            with suppress(*DRIVER_OUTAGES):  # the session has ended, and the lease with it
                store.give_up_lease(self._connection, self._keys)
        self._forget()

    def _confirm(self) -> bool:
        """Return true, or raise the driver's exception: a session has the lock for as long as it lasts."""
        store.prove_session(self._open())
        return True

    def _take(self) -> bool:
        connection = self._open()
        self._locked = self._locked or store.take_lease(connection, self._keys)
        if not self._locked:
            self._another = True
            self._wait_for(f"another process has it: {store.lease_holder(connection, self._keys)}")
            return False
        if store.former_holder_sends(connection, self._keys):
            self._another = True
            self._wait_for("the former holder's last transaction is still open")
            return False
        return True

    def _open(self) -> Connection[Any]:
        if self._connection is None:
            self._connection = self._database.connect()
            self._keys = store.begin_lease(self._connection, self._name)
            self._pid = self._connection.info.backend_pid
        return self._connection

    def _forget(self) -> None:
        """Close the session, and with it the lease; the framework's connections are probably broken, too."""
        connection, self._connection = self._connection, None
        self._locked = self._held = False
        if connection is not None:
            connection.close()
        self._database.reset()

    def _wait_for(self, reason: str) -> None:
        """Log why this process has no lease, once for each reason."""
        if reason != self._reason:
            log.warning("%s sends nothing, because it has no lease: %s", self._name, reason)
            self._reason = reason
