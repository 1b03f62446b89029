"""The subjects that limits count for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from landfast_runtime import visitors
from landfast_runtime.django.visitors import client_address

if TYPE_CHECKING:
    from django.http import HttpRequest


def network(request: HttpRequest) -> str:
    """Return the network that a visitor's address counts for."""
    return visitors.network(client_address(request))


def mailbox(address: str) -> str:
    """Return what a mail address counts as: without its tag and its dots, which providers ignore.

    Args:
        address: an address in its normal form.
    """
    local, _at, domain = address.casefold().rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"
