"""Clients that keep a connection and send nothing more: ``idle.py HOST PORT PATH CLIENTS``. They end with stdin."""

import socket
import sys


def main(host: str, port: str, path: str, clients: str) -> None:
    """Open the connections, print how many had an answer, and keep them."""
    kept = []
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    for _ in range(int(clients)):
        connection = socket.create_connection((host, int(port)), timeout=30)
        connection.sendall(request)
        if connection.recv(65536).startswith(b"HTTP/1.1 200"):
            kept.append(connection)
    print(len(kept), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
