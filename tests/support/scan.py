"""Scans the ports of a host from outside the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.host import PROJECT
from tests.support.host_image import DEBIAN_13, image
from tests.support.stack import LABEL, docker
from tests.support.waiting import SLOWNESS

if TYPE_CHECKING:
    from tests.support.host import Host, Network

#: Opens a connection to every TCP port, many at a time, and then polls for the successful ones. A firewall that drops
#: packets never answers; an open port is not missed, even if the scanner itself is slow.
SCANNER = """
import select, socket, sys, time

PATIENCE = float(sys.argv[2])

def opened(address, ports):
    asking = {}
    for port in ports:
        each = socket.socket()
        each.setblocking(False)
        each.connect_ex((address, port))
        asking[each.fileno()] = port, each
    poll = select.poll()
    for number in asking:
        poll.register(number, select.POLLOUT)
    deadline = time.monotonic() + PATIENCE
    while (left := deadline - time.monotonic()) > 0:
        for number, _ in poll.poll(left * 1000):
            port, each = asking[number]
            poll.unregister(number)
            if each.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                print(port)
    for _, each in asking.values():
        each.close()

for first in range(1, 65536, 8000):
    opened(sys.argv[1], range(first, min(first + 8000, 65536)))
"""

#: Seconds until a port counts as closed, on an idle reference machine: a request that got lost is repeated after one.
ANSWERS = 1.4


def open_ports(host: Host, network: Network) -> set[int]:
    """Return all TCP ports of a host that accept a connection from a stranger in the same network.

    Args:
        host: the host.
        network: its network, which the stranger is in, too.
    """
    stranger = ["--rm", f"--network={network.name}", f"--label={LABEL}={PROJECT}", "--ulimit=nofile=8192"]
    scan = ("python3", "-c", SCANNER, host.address, str(SLOWNESS * ANSWERS))
    printed = docker("run", *stranger, image(DEBIAN_13), *scan, timeout=300)
    return set(map(int, printed.split()))
