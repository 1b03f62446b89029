"""Which ports of a host answer somebody who is none of its peers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.host import PROJECT
from tests.support.host_image import DEBIAN_13, image
from tests.support.leftovers import LABEL
from tests.support.stack import docker

if TYPE_CHECKING:
    from tests.support.host import Host, Network

#: Connects to every TCP port; one that drops what it gets never answers, so many are asked at once.
SCANNER = """
import asyncio, sys

async def ask(address, port, turn):
    async with turn:
        try:
            _, writer = await asyncio.wait_for(asyncio.open_connection(address, port), 2)
        except (OSError, asyncio.TimeoutError):
            return
        print(port)
        writer.close()

async def main(address):
    turn = asyncio.Semaphore(6000)
    await asyncio.gather(*(ask(address, port, turn) for port in range(1, 65536)))

asyncio.run(main(sys.argv[1]))
"""


def open_ports(host: Host, network: Network) -> set[int]:
    """Return all TCP ports of a host that take a connection from a stranger in the same network.

    Args:
        host: whom to ask.
        network: where it is; the stranger is plugged in there too.
    """
    stranger = ["--rm", f"--network={network.name}", f"--label={LABEL}={PROJECT}", "--ulimit=nofile=8192"]
    printed = docker("run", *stranger, image(DEBIAN_13), "python3", "-c", SCANNER, host.address, timeout=300)
    return set(map(int, printed.split()))
