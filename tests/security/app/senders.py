"""Sends uploads from addresses of its own to Nginx, in the network of Nginx's container.

A program for the API's image: ``python senders.py KEY SECONDS``. Each loopback address is a sender of its own; what
came of the attacks is printed as JSON.
"""

from __future__ import annotations

import json
import select
import socket
import sys
import time
from contextlib import suppress

NGINX = ("127.0.0.1", 8080)
DATASETS = "/api/v1/datasets/"
CREATED = 201
FILE = b"city,amount\nRiga,1\n"
#: Bytes that a slow sender announces.
ANNOUNCED = 100_000_000
#: Senders at once: more than the API has threads for uploads, or for all other requests.
MANY = 12
#: Seconds after which a sender without an answer is given up.
PATIENCE = float(sys.argv[2])
KEY = {"Authorization": f"Bearer {sys.argv[1]}"}


class Sender:
    """A request under way.

    Args:
        address: the sender's address.
        headers: further headers.
        method: the method.
        length: the length that it announces.
        body: the bytes that it sends at once.
    """

    def __init__(
        self,
        address: str,
        headers: dict[str, str] | None = None,
        *,
        method: str = "POST",
        length: int = ANNOUNCED,
        body: bytes = b"x",
    ) -> None:
        self.socket = socket.socket()
        self.socket.bind((address, 0))
        self.socket.settimeout(PATIENCE)
        self.socket.connect(NGINX)
        lines = {
            "Host": "localhost",
            "X-Forwarded-Proto": "https",
            "Content-Type": "text/csv",
            "Content-Length": str(length),
            **(headers or {}),
        }
        head = f"{method} {DATASETS}?columns=city:text,amount:integer HTTP/1.1\r\n"
        self.socket.sendall(
            (head + "".join(f"{name}: {value}\r\n" for name, value in lines.items())).encode() + b"\r\n"
        )
        self.drip(body)

    def drip(self, body: bytes = b"x") -> None:
        """Send a little more."""
        with suppress(OSError):  # refused
            self.socket.sendall(body)

    @property
    def answered(self) -> bool:
        """Whether there is an answer."""
        return bool(select.select([self.socket], [], [], 0)[0])

    def status(self) -> int:
        """Wait for the answer and return its status; 0 if there is none in time."""
        try:
            return int(self.socket.recv(65536).split(b" ")[1])
        except (OSError, IndexError):
            return 0


def upload(address: str) -> int:
    """Upload a file with the key, and return the status."""
    return Sender(address, KEY, length=len(FILE), body=FILE).status()


def strangers() -> dict[str, object]:
    """Fill the lane and more with slow senders without a key; another sender from the same address has one."""
    without = [Sender("127.0.0.2") for _ in range(MANY)]
    wrong = [Sender("127.0.0.2", {"Authorization": f"Bearer lfk_000000000000_{'A' * 43}"}) for _ in range(MANY)]
    expecting = Sender("127.0.0.2", {"Expect": "100-continue"}, body=b"")
    others = [upload(address) for address in ("127.0.0.2", "127.0.0.3")]
    return {
        "without": sorted({each.status() for each in without}),
        "wrong": sorted({each.status() for each in wrong}),
        "expecting": expecting.status(),
        "others": others,
    }


def methods() -> dict[str, object]:
    """Send other requests slowly, which would occupy threads of the API."""
    methods = ("GET", "DELETE", "OPTIONS", "PROPFIND")
    slow = [Sender("127.0.0.6", method=method) for method in methods for _ in range(MANY)]
    return {"slow": sorted({each.status() for each in slow}), "others": [upload("127.0.0.3")]}


def holders() -> dict[str, object]:
    """Send slowly with a key, as often as one address may and more often; another address sends meanwhile."""
    slow = [Sender("127.0.0.4", KEY, body=FILE[:5]) for _ in range(6)]
    until = time.monotonic() + PATIENCE
    while sum(each.answered for each in slow) < 4 and time.monotonic() < until:
        time.sleep(0.05)
    refused = [each for each in slow if each.answered]
    others = [upload("127.0.0.5")]
    left = [each for each in slow if each not in refused]
    while not all(each.answered for each in left) and time.monotonic() < until:
        for each in left:
            each.drip()
        time.sleep(0.5)
    found: dict[str, object] = {
        "refused": sorted(each.status() for each in refused),
        "others": others,
        "ends": sorted(each.status() for each in left),
    }
    for each in slow:
        each.socket.close()
    while (afterwards := upload("127.0.0.4")) != CREATED and time.monotonic() < until:
        time.sleep(0.5)  # Nginx has not noticed yet
    return {**found, "afterwards": afterwards}


print(json.dumps({each.__name__: each() for each in (strangers, methods, holders)}))
