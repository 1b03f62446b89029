"""Validation of host names and web addresses that users set."""

from __future__ import annotations

import re
from ipaddress import IPv6Address
from urllib.parse import SplitResult, urlsplit

#: RFC 1123: letters, digits and hyphens. Names in other scripts are sent in their ASCII form (xn--…).
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE | re.ASCII)


def is_host(text: str) -> bool:
    """Return whether ``text`` is a host in a URL: a name, an IPv4 address, or an IPv6 address in brackets."""
    if text.startswith("[") and text.endswith("]"):
        try:
            IPv6Address(text[1:-1])
        except ValueError:
            return False
        return True
    return bool(_NAME.fullmatch(text))


def web_address(text: str) -> SplitResult:
    """Return the parts of an ``http://`` or ``https://`` address.

    Args:
        text: the address, without a query or a fragment, because other addresses are built on it.

    Raises:
        ValueError: the address is invalid; the message has the reason.
    """
    parts = urlsplit(text)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("must begin with http:// or https://")
    if "@" in parts.netloc:
        raise ValueError("must not contain a user or a password")
    host, colon, port = parts.netloc.rpartition(":")
    if not colon or "]" in port:
        host, colon, port = parts.netloc, "", ""
    if not is_host(host):
        raise ValueError(f"{host!r} is no host name")
    if colon and not (port.isdecimal() and port.isascii() and 0 < int(port[:6]) <= 65535):  # noqa: PLR2004 - the highest port
        raise ValueError(f"{port!r} is no port")
    if parts.query or parts.fragment or text != f"{parts.scheme}://{parts.netloc}{parts.path}":
        raise ValueError("must end with the path")
    if not re.fullmatch(r"[!-~]*", parts.path):
        raise ValueError(f"{parts.path!r} is no path")
    return parts
