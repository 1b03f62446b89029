"""The address of a request's sender."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

#: The address under which clients with an unknown address are counted.
UNKNOWN = "0.0.0.0"  # noqa: S104 - nothing listens there


def client_address(request: HttpRequest) -> str:
    """Return the address from which Nginx received the request.

    Nginx replaces ``X-Forwarded-For`` with that one address. If another program ever extended the header instead, only
    its last entry would be a proxy's; the entries before it are the client's own claim.
    """
    claimed = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    for candidate in (claimed, request.META.get("REMOTE_ADDR", "")):
        try:
            return str(ip_address(candidate))
        except ValueError:
            continue
    return UNKNOWN
