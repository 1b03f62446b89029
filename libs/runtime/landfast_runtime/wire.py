"""One request to a server, over HTTP or the uwsgi protocol, with next to no imports.

A packet of the uwsgi protocol is a 4-byte header (modifier, little-endian size, modifier) and length-prefixed strings:
https://uwsgi-docs.readthedocs.io/en/latest/Protocol.html
"""

from __future__ import annotations

import socket
import struct


def http_get(host: str, port: int, path: str) -> bytes:
    """Return the request for a page over HTTP."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode()


def uwsgi_get(host: str, port: int, path: str) -> bytes:
    """Return the request for a page over the uwsgi protocol.

    Args:
        host: the server's name for the application.
        port: the server's port.
        path: the page's path.
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


def status_line(host: str, port: int, request: bytes, timeout: float) -> str:
    """Send a request and return the first line of the response, which is the same in both protocols.

    Args:
        host: the server.
        port: the server's port.
        request: the request.
        timeout: seconds that each step may take.

    Raises:
        OSError: nothing listens, or no response arrives in time.
    """
    with socket.create_connection((host, port), timeout=timeout) as connection:
        connection.sendall(request)
        with connection.makefile("rb") as answer:
            return answer.readline().decode("latin-1").strip()


def succeeded(status_line: str) -> bool:
    """Return whether the first line of a response has a 2xx status."""
    protocol, _, status = status_line.partition(" ")
    return protocol.startswith("HTTP/") and status.startswith("2")
