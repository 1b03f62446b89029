"""A load of a fixed rate: people who post entries to the site and to the API, and note what was answered."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from dataclasses import dataclass, field

from tests.support.waiting import SLOWNESS

#: Every other request goes to the site, the others to the API.
PATHS = ("/ledger/", "/api/v1/ledger")

#: Seconds after which somebody gives up: no answer. Whether the entry was accepted, the database knows.
TIMEOUT = 5.0 * SLOWNESS


@dataclass
class Load:
    """One load.

    Args:
        port: the public one, on this machine.
        run: what the entries belong to.
        rate: requests a second, whatever becomes of the ones before.
        work: seconds that each task takes.
        engine: whose worker books what the API accepts.
    """

    port: int
    run: str
    rate: float
    work: float = 0.0
    engine: str = "celery"
    accepted: set[str] = field(default_factory=set)
    refused: int = 0
    unanswered: int = 0
    started: float = 0.0

    def __post_init__(self) -> None:
        """Make the thread; it does not run yet."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._send_all()), daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self.started = time.time()
        self._thread.start()

    def stop(self) -> None:
        """Stop sending, and wait for the answers that are on their way."""
        self._stopping.set()
        self._thread.join()

    async def _send_all(self) -> None:
        begun, number = time.monotonic(), 0
        waiting: set[asyncio.Task[None]] = set()
        while not self._stopping.is_set():
            request = asyncio.create_task(self._send(PATHS[number % len(PATHS)]))
            waiting.add(request)
            request.add_done_callback(waiting.discard)
            number += 1
            await asyncio.sleep(max(begun + number / self.rate - time.monotonic(), 0))
        if waiting:
            await asyncio.wait(waiting)

    async def _send(self, path: str) -> None:
        entry = str(uuid.uuid4())
        try:
            async with asyncio.timeout(TIMEOUT):
                status = await self._post(path, entry)
        except (OSError, TimeoutError, ValueError, IndexError):
            self.unanswered += 1
            return
        if 200 <= status < 300:
            self.accepted.add(entry)
        else:
            self.refused += 1

    async def _post(self, path: str, entry: str) -> int:
        body = json.dumps({"entry": entry, "run": self.run, "work": self.work, "engine": self.engine})
        reader, writer = await asyncio.open_connection("localhost", self.port)
        try:
            head = f"POST {path} HTTP/1.1\r\nHost: localhost:{self.port}\r\nConnection: close\r\n"
            head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write((head + body).encode("ascii"))
            await writer.drain()
            return int((await reader.readline()).split()[1])
        finally:
            writer.close()
