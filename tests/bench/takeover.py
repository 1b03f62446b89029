#!/usr/bin/env python3
"""Count the visitors that a change of Nginx costs: ``python3 tests/bench/takeover.py``, in containers of its own.

Each way of putting one Nginx in another's place is done some twenty times, while visitors come with a fresh connection
each. For every way: requests, those that failed, by what, and the slowest. docs/adr/0023 has the ways and its figures.
"""

from __future__ import annotations

import argparse
import http.client
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.support.ports import free_ports  # noqa: E402 - importable once the path is set
from tests.support.sockets import TAKE, handed_out  # noqa: E402 - as above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    #: The port that visitors ask, and what puts another Nginx in the place of the one that runs.
    Way = tuple[int, Callable[[], None]]

#: Seconds that a visitor waits for a connection and for its answer, as in the issue's trial.
TIMEOUT = 5.0
#: Seconds that Nginx may take to answer, and between two switches.
START, PAUSE = 20.0, 0.5
MIGRATE = "net.ipv4.tcp_migrate_req"
INSIDE = 8080
CONFIGURATION = """
worker_processes 2;
pid /tmp/nginx.pid;
error_log stderr warn;
events {{ }}
http {{
    access_log off;
    client_body_temp_path /tmp/body; proxy_temp_path /tmp/proxy; uwsgi_temp_path /tmp/uwsgi;
    fastcgi_temp_path /tmp/fastcgi; scgi_temp_path /tmp/scgi;
    server {{ listen {listen}; location / {{ return 200 "ok\\n"; }} }}
}}
"""


@dataclass
class Visitors:
    """Visitors of one address, each with a connection of its own.

    Args:
        port: where, on loopback.
        rate: how many a second.
    """

    port: int
    rate: float
    seconds: list[float] = field(default_factory=list)
    failures: Counter[str] = field(default_factory=Counter)
    _end: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def visit(self) -> None:
        """Ask once, and note what came of it."""
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.request("GET", "/")
            connection.getresponse().read()
        except (OSError, http.client.HTTPException) as error:
            self.failures[type(error).__name__] += 1
        finally:
            connection.close()
        self.seconds.append(time.monotonic() - began)

    @contextmanager
    def coming(self) -> Iterator[None]:
        """Have them come for as long as the context lasts, however long each of them waits."""
        clock = threading.Thread(target=self._send)
        clock.start()
        try:
            yield
        finally:
            self._end.set()
            clock.join()
            for thread in self._threads:
                thread.join()

    def _send(self) -> None:
        due = time.monotonic()
        while not self._end.wait(max(0.0, due - time.monotonic())):
            due += 1 / self.rate
            thread = threading.Thread(target=self.visit)
            thread.start()
            self._threads.append(thread)


@dataclass
class Place:
    """All that this run makes in Docker.

    Args:
        name: what every name begins with.
        image: Nginx's.
        folder: for configurations and sockets.
    """

    name: str
    image: str
    folder: Path
    number: int = 0

    def start(self, listen: str, *options: str, before: tuple[str, ...] = ()) -> str:
        """Start an Nginx and return its name.

        Args:
            listen: what stands behind its ``listen``.
            options: of ``docker run``.
            before: a program, with arguments, that becomes Nginx.
        """
        self.number += 1
        name, file = f"{self.name}-{self.number}", self.folder / f"{self.number}.conf"
        file.write_text(CONFIGURATION.format(listen=listen), encoding="ascii")
        command = (*before, "nginx", "-c", "/nginx.conf", "-g", "daemon off;")
        docker(
            "run", "--detach", f"--name={name}", "--init", "--read-only", "--tmpfs=/tmp", "--cap-drop=ALL",
            f"--volume={file}:/nginx.conf:ro", *options, f"--entrypoint={command[0]}", self.image, *command[1:],
        )  # fmt: skip
        return name

    def stop(self, name: str) -> None:
        """Stop one as Swarm does, by the image's own signal, and remove it."""
        docker("stop", "--timeout=10", name)
        docker("rm", "--force", name)

    def clean(self) -> None:
        """Remove what is left."""
        left = docker("ps", "--all", "--quiet", f"--filter=name=^{self.name}-").split()
        if left:
            docker("rm", "--force", "--volumes", *left)


def docker(*arguments: str) -> str:
    """Run Docker and return its output.

    Raises:
        SystemExit: it failed; what it said is the message.
    """
    run = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120, check=False)
    if run.returncode:
        raise SystemExit(f"docker {' '.join(arguments)} failed: {run.stderr.strip()}")
    return run.stdout


def answers(port: int) -> None:
    """Wait until something answers on ``port``.

    Raises:
        SystemExit: nothing does.
    """
    until = time.monotonic() + START
    while time.monotonic() < until:
        visitor = Visitors(port, 1)
        visitor.visit()
        if not visitor.failures:
            return
        time.sleep(0.05)
    raise SystemExit("Nginx does not answer")


def begun(name: str) -> None:
    """Wait until the Nginx in a container has its workers: it takes connections then."""
    until = time.monotonic() + START
    while "worker process" not in docker("top", name):
        if time.monotonic() > until:
            raise SystemExit(f"{name} does not start: {docker('logs', name)}")
        time.sleep(0.05)


@contextmanager
def published(place: Place) -> Iterator[Way]:
    """Docker publishes the port: the old container goes first."""
    port = free_ports(1)[0]
    options = (f"--publish=127.0.0.1:{port}:{INSIDE}",)
    running = [place.start(str(INSIDE), *options)]

    def switch() -> None:
        place.stop(running.pop())
        running.append(place.start(str(INSIDE), *options))

    yield port, switch


@contextmanager
def reloaded(place: Place) -> Iterator[Way]:
    """Nginx reads its configuration again: nothing for a changed image."""
    port = free_ports(1)[0]
    name = place.start(str(INSIDE), f"--publish=127.0.0.1:{port}:{INSIDE}")

    def switch() -> None:
        docker("exec", name, "nginx", "-c", "/nginx.conf", "-s", "reload")

    yield port, switch


def sharing(migrate: int) -> Callable[[Place], AbstractContextManager[Way]]:
    """Return the way in which two containers in one network namespace bind the port, each with ``SO_REUSEPORT``."""

    @contextmanager
    def way(place: Place) -> Iterator[Way]:
        port = free_ports(1)[0]
        host = place.start("8079", f"--publish=127.0.0.1:{port}:{INSIDE}", f"--sysctl={MIGRATE}={migrate}")
        options = (f"--network=container:{host}",)
        running = [place.start(f"{INSIDE} reuseport", *options)]

        def switch() -> None:
            running.append(place.start(f"{INSIDE} reuseport", *options))
            begun(running[1])
            place.stop(running.pop(0))

        yield port, switch

    return way


def handed(*, beside: bool) -> Callable[[Place], AbstractContextManager[Way]]:
    """Return the way in which each Nginx gets the host's own socket, ``beside`` the old one or after it."""

    @contextmanager
    def way(place: Place) -> Iterator[Way]:
        folder = place.folder / f"edge-{beside}"
        folder.mkdir()
        with socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
            port = int(listener.getsockname()[1])
            options = (f"--volume={folder}:/run/edge:ro", f"--volume={TAKE}:/take-sockets:ro")
            before = ("/take-sockets", "/run/edge/sockets")
            with handed_out(folder / "sockets", [listener]):
                listen = f"127.0.0.1:{port}"
                running = [place.start(listen, *options, before=before)]

                def switch() -> None:
                    if beside:
                        running.append(place.start(listen, *options, before=before))
                        begun(running[1])
                        place.stop(running.pop(0))
                    else:
                        place.stop(running.pop())
                        running.append(place.start(listen, *options, before=before))

                yield port, switch

    return way


WAYS: dict[str, Callable[[Place], AbstractContextManager[Way]]] = {
    "published by Docker, old one first": published,
    "configuration reloaded": reloaded,
    "SO_REUSEPORT, side by side": sharing(0),
    "SO_REUSEPORT, side by side, tcp_migrate_req": sharing(1),
    "sockets handed out, old one first": handed(beside=False),
    "sockets handed out, side by side": handed(beside=True),
}


def measure(place: Place, way: Callable[[Place], AbstractContextManager[Way]], rate: float, switches: int) -> Visitors:
    """Switch, while visitors come, and return what they saw."""
    with ExitStack() as stack:
        stack.callback(place.clean)
        port, switch = stack.enter_context(way(place))
        answers(port)
        visitors = Visitors(port, rate)
        with visitors.coming():
            for _ in range(switches):
                switch()
                time.sleep(PAUSE)  # visitors of one switch alone
    return visitors


def main() -> None:
    """Read the command line, measure, and print the table."""
    parser = argparse.ArgumentParser(prog="python3 tests/bench/takeover.py", description=__doc__)
    parser.add_argument("--rate", type=float, default=100, help="visitors a second")
    parser.add_argument("--switches", type=int, default=20)
    parser.add_argument("--image", default="landfast/nginx", help="Nginx's")
    parser.add_argument("--name", default=f"landfast-bench-takeover-{os.getpid()}", help="of what is made in Docker")
    options = parser.parse_args()
    print("| Way | Requests | Failed | By what | Slowest, ms |\n| --- | ---: | ---: | --- | ---: |")
    for name, way in WAYS.items():
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            found = measure(Place(options.name, options.image, Path(folder)), way, options.rate, options.switches)
        why = ", ".join(f"{kind} {number}" for kind, number in found.failures.most_common())
        slowest = max(found.seconds) * 1000
        print(f"| {name} | {len(found.seconds):,} | {found.failures.total()} | {why} | {slowest:.0f} |", flush=True)


if __name__ == "__main__":
    main()
