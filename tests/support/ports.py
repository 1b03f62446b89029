"""Free TCP ports, so that a stack under test disturbs no other program."""

from __future__ import annotations

import socket
from contextlib import ExitStack


def free_ports(count: int) -> list[int]:
    """Return ``count`` different ports on which no program listens at this moment."""
    with ExitStack() as held:  # all are held at once, or the second could be the same as the first
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
