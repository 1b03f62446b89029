"""The uwsgi protocol, as far as asking a server for a page needs it.

A packet is a 4-byte header (modifier, little-endian size, modifier) and length-prefixed strings:
https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html
"""

from __future__ import annotations

import struct


def get(host: str, port: int, path: str) -> bytes:
    """Return the packet that asks a server for a page.

    Args:
        host: the server, as the application is to see it.
        port: where the server listens.
        path: which page.
    """
    variables = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": path,
        "REQUEST_URI": path,
        "QUERY_STRING": "",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "HTTP_HOST": "localhost",
    }
    body = b"".join(
        struct.pack("<H", len(part)) + part for item in variables.items() for part in (text.encode() for text in item)
    )
    return struct.pack("<BHB", 0, len(body), 0) + body


def succeeded(status_line: str) -> bool:
    """Return whether the first line of an answer tells of success, which is a 2xx."""
    protocol, _, status = status_line.partition(" ")
    return protocol.startswith("HTTP/") and status.startswith("2")
