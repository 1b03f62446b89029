"""The sender of a request, as far as the edge knows."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.http import HttpRequest

#: What is counted for a client whose address nobody knows.
UNKNOWN = "0.0.0.0"  # noqa: S104 - an address to count under, nothing listens there


def client_address(request: HttpRequest) -> str:
    """Return the address that Nginx saw the request come from.

    Nginx replaces ``X-Forwarded-For`` with that one address. Should something else ever extend the header instead, only
    its last entry was written by a proxy; whatever stands before it is the client's own claim.
    """
    claimed = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    for candidate in (claimed, request.META.get("REMOTE_ADDR", "")):
        try:
            return str(ip_address(candidate))
        except ValueError:
            continue
    return UNKNOWN
