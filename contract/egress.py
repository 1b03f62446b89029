"""External addresses in contracts: a check of each, and the lists for the firewalls of servers."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from contract.errors import ContractError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contract.files import Contract

#: The address that stands for the mail server, and the settings that name it.
SMTP, SMTP_HOST, SMTP_PORT = "smtp", "SMTP_HOST", "SMTP_PORT"
#: The port of the mail server without a setting: compose.templates.yaml.
SMTP_DEFAULT_PORT = "1025"
#: Every public address; networks that are not public must be named.
ANY = "any"
#: A host in a setting; some internal names have an underscore.
HOST_NAME = r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?"
#: Ports of URLs without one.
PORTS = {"http": 80, "https": 443, "sftp": 22}


def check(address: str, where: str) -> None:
    """Make sure that an address with the form ``schema.ADDRESS`` exists.

    Args:
        address: the address.
        where: file and key, for the message.

    Raises:
        ContractError: it is not an IPv4 address or network, though it looks like one; or it is every address.
    """
    host = address.partition(":")[0]
    if "/" not in host and not host.replace(".", "").isdecimal():
        return
    try:
        network = ipaddress.IPv4Network(host, strict=False)
    except ValueError:
        raise ContractError(
            f"{where}: {address!r} is no IPv4 address or network: four numbers from 0 to 255, and /0 to /32 for a "
            "network, such as 192.0.2.0/24"
        ) from None
    if network.prefixlen == 0:
        raise ContractError(f"{where}: {address!r} is every address, also private ones: write {ANY}, or {ANY}:443")
    if "/" in host and host != str(network):
        raise ContractError(f"{where}: {address!r} is an address with a length: the network is {network}")


def lists(contracts: Sequence[Contract], settings: Mapping[str, str]) -> dict[str, dict[str, list[str]]]:
    """Return application -> ``services`` that only its file has, and ``addresses`` to which these may connect.

    Each address is ``any``, a host, an address or a network, with ``:PORT`` behind it if only that port is meant.

    Args:
        contracts: the contracts of the house and of all applications.
        settings: the settings of the servers.

    Raises:
        ContractError: a setting that a list names has no address in it.
    """
    counts = Counter(name for each in contracts for name in each.services)
    return {
        each.name: {
            "services": sorted(name for name in each.services if counts[name] == 1),
            "addresses": sorted({found for address in each.get("egress") for found in _named(each, address, settings)}),
        }
        for each in contracts
        if each.get("egress")
    }


def _named(contract: Contract, address: str, settings: Mapping[str, str]) -> list[str]:
    """Return the addresses for which an entry stands; none for a setting without a value."""
    if address != SMTP and not address.startswith("$"):
        return [address]
    name = SMTP_HOST if address == SMTP else address[2:].partition(":")[0]
    value = settings.get(name, "")
    if not value or value == "file":  # the volume, in MEDIA_STORAGE
        return []
    if address == SMTP:
        value = f"{value}:{settings.get(SMTP_PORT) or SMTP_DEFAULT_PORT}"
    where = f"{contract.file}: x-landfast.egress: {address!r}: {name} is {settings[name]!r}"
    try:
        found = _address(value)
    except ValueError:
        raise ContractError(f"{where}, which has no host: set a URL, or HOST:PORT") from None
    check(found, where)
    return [found]


def _address(value: str) -> str:
    """Return the address in a URL or in ``HOST[:PORT]``; Amazon's S3 has too many addresses to list.

    Raises:
        ValueError: it has none.
    """
    url = urlsplit(value if "://" in value else f"//{value}")
    if url.scheme == "s3":
        endpoint = parse_qs(url.query).get("endpoint")
        return _address(endpoint[0]) if endpoint else f"{ANY}:443"
    host, port = url.hostname or "", url.port or PORTS.get(url.scheme)
    if not re.fullmatch(HOST_NAME, host, re.ASCII):
        raise ValueError(value)
    return f"{host}:{port}" if port else host
