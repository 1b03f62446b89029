"""The subject that limits by address count for."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network

#: The bits of an IPv6 address that a provider assigns to one customer: RFC 6177.
CUSTOMER = 64


def network(address: str) -> str:
    """Return the address that stands for a customer's network: of IPv6 the first one, because a customer has 2^64.

    Args:
        address: an IP address. An IPv4 address in the form of IPv6 is an IPv4 address.

    Raises:
        ValueError: it is no IP address.
    """
    found = ip_address(address)
    if isinstance(found, IPv6Address):
        found = found.ipv4_mapped or ip_network((found.packed, CUSTOMER), strict=False).network_address
    return str(found)
