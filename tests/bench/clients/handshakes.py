"""New connections with one request each: ``handshakes.py HOST PORT,TLS_PORT PATH NUMBER``.

Prints as JSON the mean milliseconds over TCP alone, with a full TLS handshake, and with a resumed session; and how many
sessions were resumed.
"""

from __future__ import annotations

import json
import socket
import ssl
import sys
import time

Session = ssl.SSLSession | None


def ask(place: tuple[str, int], path: str, context: ssl.SSLContext | None, session: Session) -> tuple[Session, bool]:
    """Open a connection and read the answer to one request; return the session, and whether it is an old one.

    Args:
        place: host and port.
        path: the page.
        context: for TLS; none: plain HTTP.
        session: the session to resume, if any.
    """
    with socket.create_connection(place, timeout=30) as plain:
        encrypted = context.wrap_socket(plain, session=session) if context else None
        stream = encrypted or plain
        stream.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        while stream.recv(65536):
            pass
        return (encrypted.session, bool(encrypted.session_reused)) if encrypted else (None, False)


def main(host: str, ports: str, path: str, number: str) -> None:
    """Measure each kind in turn, and print the means."""
    plain, secure = ((host, int(port)) for port in ports.split(","))
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    session, _ = ask(secure, path, context, None)
    spent, resumed = {"plain": 0.0, "full": 0.0, "resumed": 0.0}, 0
    for _ in range(int(number)):
        for kind in spent:
            began = time.perf_counter()
            if kind == "plain":
                ask(plain, path, None, None)
            elif kind == "full":
                ask(secure, path, context, None)
            else:
                session, reused = ask(secure, path, context, session)  # TLS 1.3 gives a new one for the next connection
                resumed += reused
            spent[kind] += time.perf_counter() - began
    print(json.dumps({kind: seconds * 1000 / int(number) for kind, seconds in spent.items()} | {"reused": resumed}))


if __name__ == "__main__":
    main(*sys.argv[1:])
