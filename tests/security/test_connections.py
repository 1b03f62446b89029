"""A container opens the ports that docs/reference/connections.md allows it, and no other port of another container."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.support import connections
from tests.support.connections import Connection
from tests.support.stack import docker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stack import Stack

#: Seconds for all connections, on any machine: the kernel answers for a container at once, or a packet is dropped.
SECONDS = 3
#: The state of a listening socket in /proc/net/tcp.
LISTENING = "0A"
#: Tries connections from inside other containers' networks, all at once, and prints those that it could open:
#: SECONDS, and process of a container -> addresses, as JSON.
TRY = """
import errno, json, os, select, socket, sys, threading, time
SECONDS, opened = float(sys.argv[1]), {}

def attempt(process, addresses):
    with open(f"/proc/{process}/ns/net") as network:
        os.setns(network.fileno(), os.CLONE_NEWNET)  # of this thread alone
    sockets = {}
    for host, port in addresses:
        each = socket.socket()
        each.setblocking(False)
        if each.connect_ex((host, port)) in (0, errno.EINPROGRESS):  # else there is no way
            sockets[each] = (host, port)
    deadline, over = time.monotonic() + SECONDS, False
    while sockets and not over:
        over = time.monotonic() > deadline  # and one look more: this process may have stood still since the last one
        for each in select.select([], list(sockets), [], 0.1)[1]:
            address = sockets.pop(each)
            if each.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0:
                opened[process].append(address)

threads = []
for process, addresses in json.loads(sys.argv[2]).items():
    opened[process] = []
    threads.append(threading.Thread(target=attempt, args=(process, addresses)))
    threads[-1].start()
for thread in threads:
    thread.join()
print(json.dumps(opened))
"""


def listening(stack: Stack, service: str) -> set[int]:
    """Return the ports on which a container listens for others."""
    tables = stack.execute(service, "sh", "-c", "cat /proc/net/tcp /proc/net/tcp6 2>/dev/null || true")
    rows = [line.split() for line in tables.splitlines()]
    found = [row[1].split(":") for row in rows if len(row) > 3 and row[3] == LISTENING]
    return {int(port, 16) for address, port in found if not is_loopback(address)}


def is_loopback(address: str) -> bool:
    """Return whether an address in /proc/net/tcp or tcp6 is one of loopback; its words are in the machine's order."""
    return address[-8:].endswith("7F") or address == "00000000000000000000000001000000"


def own_addresses(stack: Stack, service: str) -> list[str]:
    """Return the addresses of a container in all of its networks."""
    return [each["IPAddress"] for each in stack.inspect(service)["NetworkSettings"]["Networks"].values()]


def opened(stack: Stack, targets: dict[tuple[str, int], tuple[str, int]]) -> Iterator[Connection]:
    """Yield the connections that the containers of a stack can open.

    One process tries all: it enters the network of each container, because few images have a Python.

    Args:
        stack: the running stack.
        targets: address and port -> service and port.
    """
    visitors = {str(stack.inspect(service)["State"]["Pid"]): service for service in stack.long_running}
    others = {
        process: [address for address, (service, _) in targets.items() if service != visitor]
        for process, visitor in visitors.items()
    }
    place = ("--rm", "--privileged", "--pid=host", "--user=0", "--network=none", "--entrypoint=python")
    image = stack.config["services"]["console"]["image"]
    said = docker("run", *place, image, "-c", TRY, str(SECONDS), json.dumps(others))
    for process, addresses in json.loads(said).items():
        for host, port in addresses:
            yield Connection(visitors[process], *targets[host, port])


def test_each_container_listens_where_the_page_says(stack: Stack) -> None:
    found = {service: ports for service in stack.long_running if (ports := listening(stack, service))}

    assert found == connections.ports()


def test_no_container_opens_a_port_that_the_page_does_not_allow(stack: Stack) -> None:
    targets = {
        (address, port): (service, port)
        for service in stack.long_running
        for port in listening(stack, service)
        for address in own_addresses(stack, service)
    }

    assert set(opened(stack, targets)) == connections.allowed()
