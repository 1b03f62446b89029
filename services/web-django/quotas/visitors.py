"""The subjects that limits count for."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING, Final

from landfast_runtime.django.visitors import client_address

if TYPE_CHECKING:
    from django.http import HttpRequest

#: The bits of an IPv6 address that a provider assigns to one customer.
CUSTOMER: Final = 64


def network(request: HttpRequest) -> str:
    """Return what a visitor's address counts as: of IPv6 the first address of a customer's network, who has 2^64."""
    address = ip_address(client_address(request))
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ip_network((address.packed, CUSTOMER), strict=False).network_address)
    return str(address)


def mailbox(address: str) -> str:
    """Return what a mail address counts as: without its tag and its dots, which providers ignore.

    Args:
        address: an address in its normal form.
    """
    local, _at, domain = address.casefold().rpartition("@")
    return f"{local.partition('+')[0].replace('.', '')}@{domain}"
