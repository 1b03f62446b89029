"""More containers of the site behind the same Nginx: the curve, and what it costs PostgreSQL."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.edge.rows import CONNECTIONS, COOKIE, find
from tests.bench.loader import Request, loading, middle
from tests.bench.place import memory
from tests.bench.report import Panel, Section, figure, surroundings, table
from tests.bench.rounds import Progress
from tests.bench.stacks import networks, shipped
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.bench.loader import Measured
    from tests.bench.run import Run
    from tests.support.stack import Stack

REPLICAS = (1, 2, 4, 8)
SERVICE = "web-django"
SESSIONS = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"


def scaled(stack: Stack, number: int) -> None:
    """Have a number of containers of the site, all healthy."""
    stack.compose(
        "up", "--detach", "--no-build", "--no-deps", "--no-recreate", "--scale", f"{SERVICE}={number}", SERVICE
    )

    def healthy() -> bool:
        states = [each.status for each in stack.containers() if each.service == SERVICE]
        return states == ["healthy"] * number

    wait_until(healthy, 120, f"{number} healthy containers of {SERVICE}")


def sessions(stack: Stack) -> int:
    """Return the number of PostgreSQL's sessions."""
    database = stack.config["services"]["postgres"]["environment"].get("POSTGRES_DB", "landfast")
    return int(stack.execute("postgres", "psql", f"--dbname={database}", "--tuples-only", "--command", SESSIONS))


def compare(run: Run) -> Section:
    """Measure each number of containers, and return the results."""
    found: dict[int, list[Measured]] = {number: [] for number in REPLICAS}
    open_sessions: dict[int, int] = {}
    held: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder, shipped("scale") as stack:
        files = find(stack, Path(folder))
        request = Request(f"http://nginx:8080{files.article}", host="localhost", cookie=COOKIE)
        with loading(run.place, *networks(stack, "nginx")) as loader:
            progress = Progress(len(REPLICAS) * run.rounds, "scale")
            for _ in range(run.rounds):
                for number in REPLICAS:
                    scaled(stack, number)
                    loader.wrk(request, CONNECTIONS, 1)  # each process loads its pages and opens its sessions
                    found[number].append(loader.wrk(request, CONNECTIONS, run.seconds))
                    open_sessions[number] = max(sessions(stack), open_sessions.get(number, 0))
                    held[number] = sum(memory(each) for each in stack.ids(SERVICE))
                    progress.step(f"{number} containers")
        if "too many clients" in stack.logs("postgres"):
            raise SystemExit("PostgreSQL refused a session: too many clients")
    medians = {number: middle(each) for number, each in found.items()}
    base = medians[REPLICAS[0]].rate or 1
    lines = [
        (
            *(number, figure(each.rate), f"{each.rate / base:.2f}", figure(each.p50), figure(each.p99), each.errors),
            *(open_sessions[number], figure(held[number])),
        )
        for number, each in medians.items()
    ]
    head = (
        "containers of the site",
        "pages/s",
        "to one",
        "p50, ms",
        "p99, ms",
        "errors",
        "PostgreSQL's sessions",
        "memory, MiB",
    )
    text = [
        surroundings(run),
        f"A page of Django without a cache, {CONNECTIONS} requests at once.",
        "All containers, PostgreSQL and wrk share the processors.",
        table(head, lines),
    ]
    bars = {f"{number} containers": each.rate for number, each in medians.items()}
    return Section("scale", "Scaling", "\n\n".join(text), {"bench-scale": [Panel("Django pages", bars, "pages/s")]})
