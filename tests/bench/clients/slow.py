"""Clients with slow lines: ``slow.py HOST PORT CLIENTS SECONDS``. Each sends a body of 100 KB, a piece every 50 ms."""

import socket
import sys
import threading
import time

PIECE = b"x" * 1000
PIECES = 100
#: Seconds between two pieces.
PAUSE = 0.05
HEAD = f"POST /upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(PIECE) * PIECES}\r\nConnection: close\r\n\r\n"


def client(host: str, port: int, until: float) -> None:
    """Send one request after the other, slowly."""
    while time.monotonic() < until:
        try:
            with socket.create_connection((host, port), timeout=30) as connection:
                connection.sendall(HEAD.encode())
                for _ in range(PIECES):
                    if time.monotonic() > until:
                        return
                    connection.sendall(PIECE)
                    time.sleep(PAUSE)
                connection.recv(1000)
        except OSError:
            time.sleep(PAUSE)


def main(host: str, port: str, clients: str, seconds: str) -> None:
    """Run all clients for a time."""
    until = time.monotonic() + float(seconds)
    for _ in range(int(clients)):
        threading.Thread(target=client, args=(host, int(port), until)).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
