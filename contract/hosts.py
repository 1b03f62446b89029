"""Host names of applications: which of them servers have, and which is an application's own address."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def is_public(host: str) -> bool:
    """Return whether servers have a host name: ``localhost`` and the names below it are a laptop's."""
    return host != "localhost" and not host.endswith(".localhost")


def own_host(hosts: Sequence[str], *, on_servers: bool) -> str:
    """Return the first host name, on servers the first that is not a laptop's; empty if there is none.

    Args:
        hosts: all host names of an application.
        on_servers: whether the address on servers is wanted. Names below ``localhost`` are a laptop's.
    """
    public = [host for host in hosts if is_public(host)] if on_servers else []
    return next(iter((*public, *hosts)), "")
