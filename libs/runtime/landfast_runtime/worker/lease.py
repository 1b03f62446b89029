"""Beat's lease: of all beats of one service that run by mistake, one sends at any moment.

Swarm starts a second beat while a host is cut off, and both run for a while when the host is back. The library with
the database implements the lease (:mod:`landfast_outbox.lease`); docs/adr/0054 has the reasons.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


class Lease(Protocol):
    """The right to send."""

    def held(self) -> bool:
        """Return whether this process has the lease now; if it is free, take it."""

    def sending(self) -> AbstractContextManager[None]:
        """Open the transaction of one send; it raises unless this process has the lease, and commits at its end."""

    def release(self) -> None:
        """Let another process have the lease at once."""


#: Makes the lease of a name. Its other argument is called after each time that the lease was taken, with whether
#: another process had it meanwhile.
type Maker = Callable[[str, Callable[[bool], None]], Lease | None]

_makers: list[Maker] = []


def use(maker: Maker) -> None:
    """Implement leases by ``maker`` from now on."""
    _makers[:] = [maker]


def make(name: str, taken: Callable[[bool], None]) -> Lease | None:
    """Return the lease of a name; None if this process has no database for it.

    Args:
        name: the same for all processes of which one may send.
        taken: called after each time that the lease was taken, with whether another process had it meanwhile.
    """
    return _makers[-1](name, taken) if _makers else None
