"""The container that sends requests: wrk, h2load, and clients of our own (``clients/``)."""

from __future__ import annotations

import json
import re
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from tests.bench.place import ROOT, docker

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.place import Place

CLIENTS = ROOT / "tests/bench/clients"
DOCKERFILE = ROOT / "tests/bench/edge/Dockerfile"
#: Requests a page once, with a ``Host`` header.
ASK = """
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1], headers={"Host": sys.argv[2]}), timeout=float(sys.argv[3]))
"""
#: Seconds after which wrk counts an answer as an error.
TIMEOUT = 30
#: Seconds until a server answers after its start.
START = 120
#: Requests that Nginx takes on a connection by default. Source: its keepalive_requests
REQUESTS = 1000


@dataclass(frozen=True)
class Measured:
    """One measurement.

    Args:
        rate: answers a second.
        p50: milliseconds within which half of them came.
        p99: milliseconds within which all but a hundredth came.
        errors: connections that failed, answers other than 2xx and 3xx, and answers that came too late.
    """

    rate: float
    p50: float
    p99: float
    errors: int


def middle(measured: Sequence[Measured]) -> Measured:
    """Return the median of each figure, and the sum of the errors."""
    return Measured(
        median(each.rate for each in measured),
        median(each.p50 for each in measured),
        median(each.p99 for each in measured),
        sum(each.errors for each in measured),
    )


@dataclass(frozen=True)
class Request:
    """A request.

    Args:
        url: its address within the network.
        host: the ``Host`` header; empty: as in the address.
        cookie: a cookie; empty: none.
        body: the bytes of a POST's body; 0: a GET.
        pause: mean milliseconds between an answer and the next request.
    """

    url: str
    host: str = ""
    cookie: str = ""
    body: int = 0
    pause: float = 0

    @property
    def variables(self) -> list[str]:
        """The variables of ``clients/wrk.lua``, as options of ``docker exec``."""
        values = {
            "BENCH_HOST": self.host,
            "BENCH_COOKIE": self.cookie,
            "BENCH_BODY": self.body,
            "BENCH_PAUSE": self.pause,
        }
        return [f"--env={name}={value}" for name, value in values.items() if value]


@dataclass(frozen=True)
class Loader:
    """A container that sends requests.

    Args:
        container: its name.
    """

    container: str

    def wrk(self, request: Request, connections: int, seconds: float) -> Measured:
        """Send requests by wrk, with one thread, and return what came of them.

        Args:
            request: the request that is repeated.
            connections: how many requests are under way at once.
            seconds: for how long.

        Raises:
            SystemExit: wrk failed.
        """
        options = ("-t1", f"-c{connections}", f"-d{seconds}s", f"--timeout={TIMEOUT}s", "-s", "/clients/wrk.lua")
        words = ("exec", *request.variables, self.container, "wrk", *options, request.url)
        said = docker(*words, timeout=seconds + 4 * TIMEOUT)
        found = json.loads(said.splitlines()[-1])
        rate = found["requests"] / found["seconds"] if found["seconds"] else 0.0
        return Measured(rate, found["p50"], found["p99"], found["errors"])

    def await_answer(self, request: Request) -> None:
        """Wait until a server answers that was just started.

        Raises:
            SystemExit: it does not.
        """
        if fault := self.fault(request, START):
            raise SystemExit(f"{request.url} does not answer: {fault}")

    def fault(self, request: Request, seconds: float) -> str:
        """Wait until a server answers, and return nothing, or the reason why it did not.

        Args:
            request: the request; its address and host count.
            seconds: how long to wait.
        """
        until = time.monotonic() + seconds
        host = request.host or request.url.split("/")[2]
        while (left := until - time.monotonic()) > 0:
            ask = ("python3", "-c", ASK, request.url, host, str(left))
            done = subprocess.run(["docker", "exec", self.container, *ask], capture_output=True, text=True, check=False)
            if not done.returncode:
                return ""
            time.sleep(0.1)
        return done.stderr.strip()

    def h2load(self, url: str, connections: int, *options: str) -> float:
        """Return the answers a second that h2load gets, over HTTP/2 where the address is of HTTPS.

        Each connection sends as many requests as Nginx takes on one: with HTTP/2, h2load opens no other after that, and
        would count the time that is left as if the server were slow.

        Raises:
            SystemExit: an answer was no success, or there was none.
        """
        wanted = connections * REQUESTS
        words = (f"--clients={connections}", f"--requests={wanted}", *options, url)
        said = docker("exec", self.container, "h2load", *words, timeout=4 * TIMEOUT)
        rate = re.search(r"finished in \S+, ([\d.]+) req/s", said)
        if rate is None or f"status codes: {wanted} 2xx" not in said:
            raise SystemExit(f"h2load {url} failed:\n{said}")
        return float(rate[1])

    @contextmanager
    def client(self, name: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
        """Run one of the clients beside the context; its standard input ends with the context."""
        command = ["docker", "exec", "--interactive", self.container, "python3", f"/clients/{name}.py"]
        with subprocess.Popen(
            [*command, *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                yield process
            finally:
                if process.stdin:
                    process.stdin.close()


@contextmanager
def loading(place: Place, *networks: str) -> Iterator[Loader]:
    """Have the container for as long as the context lasts.

    Args:
        place: the names of what is made.
        networks: the networks to send requests in; empty: the place's own.
    """
    image = place.build("load", DOCKERFILE)
    first, *others = networks or (place.name,)
    mount = f"--volume={CLIENTS}:/clients:ro"
    with place.running("load", image, mount, "--entrypoint=sleep", command=("infinity",), network=first) as name:
        for network in others:
            docker("network", "connect", network, name)
        yield Loader(name)
