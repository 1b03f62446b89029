"""A lease is an advisory lock of a session: it ends with the session, for any reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection


@dataclass(frozen=True)
class LeaseKeys:
    """The keys of a lease's advisory locks.

    Args:
        holder: locked by the session that has the lease.
        sending: locked by the transactions of its holder.
    """

    holder: int
    sending: int


def begin_lease(connection: Connection[Any], name: str) -> LeaseKeys:
    """Name the session in the server's list, and return the keys of the role's lease of that name."""
    holder, sending, _ = connection.execute(
        """
        SELECT hashtextextended('outbox.lease.' || current_user || '.' || %(name)s, 0),
            hashtextextended('outbox.lease.' || current_user || '.' || %(name)s, 1),
            set_config('application_name', %(name)s, false)
        """,
        {"name": name},
    ).fetchall()[0]
    return LeaseKeys(holder, sending)


def take_lease(connection: Connection[Any], keys: LeaseKeys) -> bool:
    """Let the connection take the lease, and return whether it was free."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (keys.holder,)).fetchone()
    return bool(row and row[0])


def give_up_lease(connection: Connection[Any], keys: LeaseKeys) -> None:
    """Give up the lease that the connection has taken."""
    connection.execute("SELECT pg_advisory_unlock(%s)", (keys.holder,))


def former_holder_sends(connection: Connection[Any], keys: LeaseKeys) -> bool:
    """Return whether a transaction of the former holder is still open: it may still commit."""
    row = connection.execute("SELECT pg_try_advisory_xact_lock(%s)", (keys.sending,)).fetchone()
    return not (row and row[0])


def prove_session(connection: Connection[Any]) -> None:
    """Make a round trip; the driver raises an exception if the session has ended."""
    connection.execute("SELECT")


def lease_holder(connection: Connection[Any], keys: LeaseKeys) -> str:
    """Return the role and the address of the session that has the lease; an empty string if none has it."""
    row = connection.execute(
        """
        SELECT concat_ws(' at ', usename, host(client_addr))
        FROM pg_locks JOIN pg_stat_activity USING (pid)
        WHERE locktype = 'advisory' AND granted AND objsubid = 1
            AND classid::bigint << 32 | objid::bigint = %s
        """,
        (keys.holder,),
    ).fetchone()
    return str(row[0]) if row else ""


def may_send(connection: Connection[Any], keys: LeaseKeys, pid: int) -> bool:
    """Return whether a session has the lease, for this transaction's whole duration.

    The next holder waits until no transaction has the second lock. This transaction takes it before it looks for the
    first one, so it ends before the next holder begins.

    Args:
        connection: in the transaction that writes a task.
        keys: the lease's keys.
        pid: the number of the session that took the lease (``pg_backend_pid``).
    """
    row = connection.execute("SELECT pg_try_advisory_xact_lock_shared(%s)", (keys.sending,)).fetchone()
    if not (row and row[0]):
        return False
    found = connection.execute(
        """
        SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid = %s AND objsubid = 1
            AND classid::bigint << 32 | objid::bigint = %s
        """,
        (pid, keys.holder),
    )
    return found.fetchone() is not None
