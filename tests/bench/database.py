"""PostgreSQL with the sizes of its container's memory beside fixed ones, with pools, and with all sessions it accepts.

pgbench runs in a container beside the server's; the data are larger than the fixed buffers, and fit into the container.
"""

from __future__ import annotations

import re
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from cli.servers import sessions
from tests.bench.place import ROOT, docker, memory
from tests.bench.report import Section, figure, surroundings, table
from tests.bench.rounds import interleaved
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from tests.bench.place import Place
    from tests.bench.run import Run

#: The MiB of the house's PostgreSQL (compose.house.yaml), and the settings that it had for any container.
MEMORY = 1024
FIXED = {"max_connections": "100", "shared_buffers": "128MB"}
#: pgbench's scale, of 16 MB each, and how many clients it has.
SCALE, CLIENTS = 20, 16
#: Seconds of the load with all sessions, and pgbench's threads for it.
FULL, THREADS = 10, 4
#: Seconds that pgbench may take beside those of the load, for its data and its sessions.
LONGEST = 600
#: PostgreSQL from the house's image, without its passwords: nothing but this run's network reaches it.
SERVER = r"""
set -eu
export PGDATA=/var/lib/postgresql/data/bench
initdb --auth=trust --username=postgres >/dev/null
echo 'host all all all trust' >>"$PGDATA/pg_hba.conf"
exec postgres -c listen_addresses='*' -c unix_socket_directories=/tmp -c jit=off "$@"
"""
#: The kinds of load: pgbench's options.
LOADS = {"reads": ("--select-only",), "reads and writes": ()}
#: PgBouncer, which keeps as many sessions as there are clients; nothing but this run's network reaches it.
POOLER = """
printf '%s\n' "$@" >/tmp/pgbouncer.ini
exec pgbouncer /tmp/pgbouncer.ini
"""
SETTINGS = (
    *("[databases]", "* = host={host} user=postgres", "[pgbouncer]", "listen_addr = *", "listen_port = 5432"),
    *("auth_type = any", "pool_mode = transaction", f"default_pool_size = {CLIENTS}", "max_client_conn = 1000"),
)
#: How a client comes to its session: the host, and pgbench's options.
WAYS = {
    "a session for each client, as a pool in the application keeps it": ("sized", ()),
    "PgBouncer between them": ("pooler", ()),
    "a new session for each transaction": ("sized", ("--connect",)),
    "PgBouncer, a new connection for each transaction": ("pooler", ("--connect",)),
}
RATE = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
FAILED = re.compile(r"number of failed transactions: ([1-9]\d*)")


@dataclass(frozen=True)
class Case:
    """A load on one of the two servers."""

    server: str
    load: str

    def __str__(self) -> str:
        """Return its name for the progress."""
        return f"{self.load}, {self.server}"


def pgbench(client: str, host: str, *options: str) -> list[str]:
    """Return the command that runs pgbench in the client's container."""
    login = (f"--host={host}", "--username=postgres")
    return ["docker", "exec", client, "pgbench", *login, *options, "postgres"]


def rate(said: str) -> float:
    """Return the transactions a second in the output of pgbench.

    Raises:
        SystemExit: a session was refused, or a transaction failed.
    """
    found = RATE.search(said)
    if found is None or FAILED.search(said):
        raise SystemExit(f"pgbench failed:\n{said}")
    return float(found[1])


def measure(client: str, host: str, seconds: int, *options: str) -> float:
    """Return the transactions a second of a load."""
    command = pgbench(client, host, f"--client={CLIENTS}", f"--time={seconds}", "--no-vacuum", *options)
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + LONGEST, check=False)
    return rate(done.stdout + done.stderr)


def full(client: str, host: str, number: int) -> tuple[float, float]:
    """Load a server over a number of sessions at once; return the transactions a second, and the MiB of a session."""
    before = highest = memory(host)
    options = (f"--client={number}", f"--jobs={THREADS}", f"--time={FULL}", "--no-vacuum")
    with subprocess.Popen(
        pgbench(client, host, *options), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        while process.poll() is None:
            highest = max(highest, memory(host))
            time.sleep(0.2)
        said = process.stdout.read() if process.stdout else ""
    return rate(said), (highest - before) / number


def start(settings: Mapping[str, str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the options and the command of a server's container."""
    options = (
        *("--entrypoint=sh", f"--memory={MEMORY}m", f"--memory-swap={MEMORY}m"),
        "--mount=type=volume,destination=/var/lib/postgresql/data",
    )
    given = [part for key, value in settings.items() for part in ("-c", f"{key}={value}")]
    return options, ("-c", SERVER, "sh", *given)


def pooler(place: Place, server: str) -> AbstractContextManager[str]:
    """Return the context in which a PgBouncer in front of a server runs."""
    image = place.build("pooler", ROOT / "tests/bench/pooler/Dockerfile")
    settings = [line.format(host=server) for line in SETTINGS]
    return place.running("pooler", image, "--entrypoint=sh", command=("-c", POOLER, "sh", *settings))


def ready(client: str, host: str) -> bool:
    """Return whether a server accepts sessions."""
    return "accepting" in docker("exec", client, "sh", "-c", f"pg_isready --host={host} || true")


def compare(run: Run) -> Section:
    """Measure both servers, and as many sessions as the sized one accepts; return the results."""
    sized = sessions.settings(MEMORY)
    servers = {"fixed": FIXED, "sized": sized}
    image = run.place.build("postgres", ROOT / "images/postgres/Dockerfile")
    with ExitStack() as stack:
        stack.enter_context(run.place.network())
        idle = ("--entrypoint=sleep",)
        client = stack.enter_context(run.place.running("client", image, *idle, command=("infinity",)))
        hosts: dict[str, str] = {}
        for name, settings in servers.items():
            options, command = start(settings)
            host = stack.enter_context(run.place.running(name, image, *options, command=command))
            wait_until(lambda host=host: ready(client, host), 120, f"the server {name}")  # type: ignore[misc] # its type
            subprocess.run(
                pgbench(client, host, "--initialize", "--quiet", f"--scale={SCALE}"),
                capture_output=True, timeout=LONGEST, check=True,
            )  # fmt: skip
            hosts[name] = host
        cases = [Case(name, load) for load in LOADS for name in servers]
        found = interleaved(
            cases, run, "database", lambda case: measure(client, hosts[case.server], run.seconds, *LOADS[case.load])
        )
        with pooler(run.place, hosts["sized"]) as hosts["pooler"]:
            wait_until(lambda: ready(client, hosts["pooler"]), 120, "PgBouncer")
            pooled = interleaved(
                list(WAYS),
                run,
                "pools",
                lambda way: measure(client, hosts[WAYS[way][0]], run.seconds, "--select-only", *WAYS[way][1]),
            )
        most = int(sized["max_connections"]) - sessions.RESERVED
        all_at_once, held = full(client, hosts["sized"], most)
    rates = {case: median(each) for case, each in found.items()}
    lines = []
    for load in LOADS:
        before, after = (rates[Case(name, load)] for name in servers)
        lines.append((load, figure(before), figure(after), f"{after / before:.2f}"))
    ways = [(way, figure(median(each))) for way, each in pooled.items()]
    text = [
        surroundings(run),
        f"pgbench, scale {SCALE}, {CLIENTS} clients, a container of {MEMORY} MiB.",
        table(("transactions/s", "fixed sizes", "sized by memory", "to fixed"), lines),
        table(("reads", "transactions/s"), ways),
        f"With {most} sessions at once, none refused: {figure(all_at_once)} transactions/s, {held:.1f} MiB each.",
    ]
    return Section("database", "PostgreSQL", "\n\n".join(text))
