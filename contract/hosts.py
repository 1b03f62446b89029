"""Host names of applications: the names on servers, and the name of an application's own address."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def is_public(host: str) -> bool:
    """Return whether a host name is valid on servers: ``localhost`` and the names below it are for laptops only."""
    return host != "localhost" and not host.endswith(".localhost")


def own_host(hosts: Iterable[str], *, on_servers: bool) -> str:
    """Return the first host name (on servers, the first public one); an empty string if there is none.

    Args:
        hosts: all host names of an application.
        on_servers: whether the address is for servers.
    """
    public = [host for host in hosts if is_public(host)] if on_servers else []
    return next(iter((*public, *hosts)), "")
