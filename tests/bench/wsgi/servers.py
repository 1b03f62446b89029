"""All WSGI servers side by side, with an application that does nothing else, or with one of the user's."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.compose import compose
from cli.settings import parse_env
from tests.bench.loader import START, Loader, Measured, Request, loading, middle
from tests.bench.place import ROOT, Place, docker, memory
from tests.bench.report import Panel, Section, figure, surroundings, table
from tests.bench.rounds import interleaved
from tests.support.servers import SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.bench.run import Run

APP = ROOT / "tests/bench/wsgi/app"
DOCKERFILE = ROOT / "services/api-flask/Dockerfile"
TARGET = "any-server"
PORT = 8000
#: The size of every server, as the applications have it on servers by default.
SIZE = {"SERVER_PROCESSES": "2", "SERVER_THREADS": "4"}
#: The server that the others are compared with: the site's.
BASE = "gunicorn"
#: Requests at once: of the short form's first two kinds of work, of all kinds there, and of the long form.
FEW, USUAL, MANY = (1, 16, 256), (16,), (1, 16, 256)
#: Debian's package of mod_wsgi.
DEBIAN = "libapache2-mod-wsgi-py3"
#: Clients whose bodies come slowly, and clients while a server stops.
SLOW, STOPPED = 8, 8
#: Seconds after a measurement in which a server must get through the requests that are left; it is started anew else.
DRAIN = 10
#: The Compose files of a laptop.
LAPTOP = f"compose.yaml{os.pathsep}compose.override.yaml"

DATABASE = "dbname=postgres user=postgres host={host}"
#: PostgreSQL from the house's image, without its passwords: nothing but this run's network reaches it.
POSTGRES = r"""
set -eu
PATH=$PATH:$(echo /usr/lib/postgresql/*/bin)
initdb --pgdata=/tmp/data --auth=trust --username=postgres >/dev/null
echo 'host all all all trust' >>/tmp/data/pg_hba.conf
exec postgres -D /tmp/data -c listen_addresses='*' -c unix_socket_directories=/tmp -c fsync=off -c max_connections=200
"""
WORLD = """
CREATE TABLE world AS SELECT id, id * 7 AS number FROM generate_series(1, 10000) id;
ALTER TABLE world ADD PRIMARY KEY (id)
"""


@dataclass(frozen=True)
class Work:
    """One kind of request.

    Args:
        name: its name in the tables.
        path: the page.
        body: the bytes that are sent along.
        slow: whether slow clients send bodies at the same time.
    """

    name: str
    path: str
    body: int = 0
    slow: bool = False


WORKS = (
    Work("hello", "/hello"),
    Work("JSON", "/json"),
    Work("one read", "/read"),
    Work("20 queries", "/queries"),
    Work("1 MB upload", "/upload", body=1_000_000),
    Work("hello beside slow clients", "/hello", slow=True),
    Work("200 ms wait", "/wait"),
)


@dataclass(frozen=True)
class Case:
    """One measurement: a server, a kind of work, and a number of requests at once."""

    server: str
    work: Work
    connections: int

    def __str__(self) -> str:
        """Return its name for the progress."""
        return f"{self.server}, {self.work.name}, {self.connections}"


@dataclass(frozen=True)
class Stop:
    """The end of a server under load.

    Args:
        answered: requests with an answer.
        lost: requests that were sent and had none.
        seconds: the time until its container had ended.
    """

    answered: int
    lost: int
    seconds: float


@dataclass(frozen=True)
class Running:
    """The servers that run.

    Args:
        hosts: each server's name, and that of its container.
        loader: sends requests to them.
        host: the ``Host`` header.
    """

    hosts: Mapping[str, str]
    loader: Loader
    host: str = ""

    def measure(self, case: Case, seconds: int) -> Measured:
        """Measure a case."""
        container = self.hosts[case.server]
        request = Request(f"http://{container}:{PORT}{case.work.path}", host=self.host, body=case.work.body)
        try:
            if not case.work.slow:
                return self.loader.wrk(request, case.connections, seconds)
            with self.loader.client("slow", container, PORT, SLOW, seconds + 2):
                return self.loader.wrk(request, case.connections, seconds)
        finally:
            # wrk has gone and left its requests. CGI starts an application for each of them, which may take minutes.
            if self.loader.fault(request, DRAIN):
                docker("restart", "--timeout=1", container)
                self.loader.await_answer(request)

    def stop(self, server: str, path: str) -> Stop:
        """Stop a server under load."""
        container = self.hosts[server]
        with self.loader.client("lost", container, PORT, path, STOPPED) as clients:
            if clients.stdout is None or clients.stdout.readline() != "begun\n":
                raise SystemExit(f"{server} answers no clients before its stop")
            began = time.monotonic()
            docker("stop", "--timeout=35", container)
            seconds = time.monotonic() - began
            answered, lost = map(int, clients.stdout.readline().split())
        return Stop(answered, lost, seconds)


def label(server: str) -> str:
    """Return a server's part of its container's name, which is a host name: wrk refuses underscores there."""
    return server.replace("_", "-")


def launcher(application: str, server: str) -> tuple[str, ...]:
    """Return the command that starts an application on a server, which a variable of this command names."""
    start = (
        f"SERVER={server} exec python -m landfast_runtime.servers {application} {PORT} SERVER {' '.join(SIZE)} false"
    )
    return ("sh", "-c", f"exec json-lines {server} sh -c '{start}'")


def chosen(names: str) -> Sequence[str]:
    """Return the servers that are compared.

    Args:
        names: the names of ``--servers``, with commas; empty: all.

    Raises:
        SystemExit: a name is no server's, or :data:`BASE` is missing.
    """
    found = names.split(",") if names else list(SERVERS)
    if unknown := sorted(set(found) - set(SERVERS)):
        raise SystemExit(f"--servers: {', '.join(unknown)}: no such server; there are {', '.join(SERVERS)}")
    if BASE not in found:
        raise SystemExit(f"--servers: {BASE} is missing, with which the others are compared")
    return [server for server in SERVERS if server in found]


@contextmanager
def ours(place: Place, servers: Sequence[str]) -> Iterator[Running]:
    """Have servers with the application of this folder, and a database, for as long as the context lasts."""
    image = place.build("servers", DOCKERFILE, f"--target={TARGET}")
    postgres = place.build("postgres", ROOT / "images/postgres/Dockerfile")
    with ExitStack() as stack:
        stack.enter_context(place.network())
        options = ("--entrypoint=sh", "--shm-size=128m")
        database = stack.enter_context(place.running("database", postgres, *options, command=("-c", POSTGRES)))
        until = time.monotonic() + START
        query = [
            "docker",
            "exec",
            database,
            "psql",
            "--host=/tmp",
            "--username=postgres",
            "--quiet",
            "--command",
            WORLD,
        ]
        while subprocess.run(query, capture_output=True, check=False).returncode:
            if time.monotonic() > until:
                raise SystemExit(f"PostgreSQL does not start: {docker('logs', database)}")
            time.sleep(0.2)
        loader = stack.enter_context(loading(place))
        hosts = {}
        limits = ("--memory=640m", "--pids-limit=256", f"--volume={APP}:/work:ro")
        values = {**SIZE, "PYTHONPATH": "/work:/opt/landfast/runtime", "BENCH_DATABASE": DATABASE.format(host=database)}
        variables = [f"--env={name}={value}" for name, value in values.items()]
        for server in servers:
            command = launcher("work:application", server)
            hosts[server] = stack.enter_context(
                place.running(label(server), image, *limits, *variables, command=command)
            )
        for container in hosts.values():
            loader.await_answer(Request(f"http://{container}:{PORT}/healthz"))
        yield Running(hosts, loader)


@contextmanager
def theirs(
    place: Place, servers: Sequence[str], service: str, application: str, path: str, host: str
) -> Iterator[Running]:
    """Have an application of the running stack on several servers, with its own settings, secrets and networks.

    Args:
        place: the names of what is made.
        servers: the servers.
        service: its service.
        application: its WSGI application.
        path: the page that shall answer.
        host: the name to request it by.

    Raises:
        SystemExit: there is no such service, or its image has no target with all servers.
    """
    config = json.loads(output(compose("config", "--format=json")))
    found = config["services"].get(service)
    if found is None:
        raise SystemExit(f"there is no service {service}; there are {', '.join(sorted(config['services']))}")
    shared = [each for each in found["networks"] if each in config["services"]["nginx"]["networks"]]
    if not shared or "build" not in found:
        raise SystemExit(f"{service} is no service behind Nginx with an image of its own")
    network = config["networks"][shared[0]]["name"]
    image = f"{place.name}-{service}"
    override = {"services": {service: {"image": image, "build": {"target": TARGET}, "environment": SIZE}}}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        file = Path(folder, "bench.yaml")
        file.write_text(json.dumps(override), encoding="utf-8")
        files = [*compose_files(), str(file)]
        variables = {**os.environ, "COMPOSE_FILE": os.pathsep.join(files)}
        build = subprocess.run(compose("build", service), env=variables, check=False)
        if build.returncode:
            raise SystemExit(
                f"{service} has no image with all servers: docs/how-to/wsgi-servers.md says how it gets one"
            )
        loader = stack.enter_context(loading(place, network))
        hosts = {}
        for server in servers:
            name = f"{place.name}-{label(server)}"
            stack.callback(
                subprocess.run, ["docker", "rm", "--force", "--volumes", name], capture_output=True, check=False
            )
            start = ("run", "--detach", "--no-deps", "--name", name, service, *launcher(application, server))
            output(compose(*start), variables)
            hosts[server] = name
        for container in hosts.values():
            loader.await_answer(Request(f"http://{container}:{PORT}{path}", host=host))
        yield Running(hosts, loader, host)


def compose_files() -> list[str]:
    """Return the Compose files of the running stack."""
    path = ROOT / ".env"
    in_file = parse_env(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return (os.environ.get("COMPOSE_FILE") or in_file.get("COMPOSE_FILE") or LAPTOP).split(os.pathsep)


def output(command: Sequence[str], variables: Mapping[str, str] | None = None) -> str:
    """Run a command and return its output.

    Raises:
        SystemExit: it failed.
    """
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr.strip()}")
    return done.stdout


def programs(container: str) -> dict[str, str]:
    """Return the versions of Python and of the servers' packages in a container."""
    names = ("gunicorn", "uwsgi", "granian", "bjoern")
    ask = "import importlib.metadata as m, platform as p, sys; print(p.python_version(), *map(m.version, sys.argv[1:]))"
    found = docker("exec", container, "python", "-c", ask, *names).split()
    debian = docker(
        "exec", container, "dpkg-query", "--show", "--showformat=${Version} ", "apache2-bin", DEBIAN
    ).split()
    return dict(zip(("Python", *names, "Apache", "mod_wsgi"), [*found, *debian], strict=True))


def cases(works: Sequence[Work], servers: Sequence[str], *, long: bool) -> list[Case]:
    """Return what is measured: in the short form few numbers of requests at once."""
    numbers = {work: MANY if long else FEW if work in works[:2] else USUAL for work in works}
    return [Case(server, work, number) for work in works for number in numbers[work] for server in servers]


def tables(found: Mapping[Case, Measured]) -> str:
    """Return a table for each kind of work and number of requests at once."""
    parts = []
    for work, number in dict.fromkeys((case.work, case.connections) for case in found):
        rows = {case.server: each for case, each in found.items() if (case.work, case.connections) == (work, number)}
        base = rows[BASE].rate or 1
        head = (f"{work.name}, {number} at once", "requests/s", f"to {BASE}", "p50, ms", "p99, ms", "errors")
        lines = [
            (name, figure(each.rate), f"{each.rate / base:.2f}", figure(each.p50), figure(each.p99), each.errors)
            for name, each in rows.items()
        ]
        parts.append(table(head, lines))
    return "\n\n".join(parts)


def compare(run: Run) -> Section:
    """Measure the servers, and return the results."""
    servers = chosen(run.options.servers)
    works: Sequence[Work] = (Work(run.options.path, run.options.path),) if run.options.service else WORKS
    waiting = run.options.path if run.options.service else "/wait"
    there = (
        theirs(run.place, servers, run.options.service, run.options.application, run.options.path, run.options.host)
        if run.options.service
        else ours(run.place, servers)
    )
    with there as running:
        versions = programs(running.hosts[BASE])
        idle = {server: memory(container) for server, container in running.hosts.items()}
        for case in cases(works, servers, long=False):  # each process loads what it needs, and connects to PostgreSQL
            if case.connections == USUAL[0]:
                running.measure(case, 1)
        measured = interleaved(
            cases(works, servers, long=run.options.long), run, "wsgi", lambda case: running.measure(case, run.seconds)
        )
        busy = {server: memory(container) for server, container in running.hosts.items()}
        stops = {server: running.stop(server, waiting) for server in servers}
    found = {case: middle(each) for case, each in measured.items()}
    head = (
        "server",
        "memory before, MiB",
        "memory after, MiB",
        "answered in the stop",
        "lost in the stop",
        "stopped in, s",
    )
    ends = [
        (name, figure(idle[name]), figure(busy[name]), stop.answered, stop.lost, figure(stop.seconds))
        for name, stop in stops.items()
    ]
    size = "2 processes with 4 threads (Bjoern and gunicorn-sync: 2 processes; wsgiref: 8 threads; CGI: 8 processes)"
    text = [
        surroundings(run, **versions),
        f"Each server has {size}.",
        tables(found),
        table(head, ends),
    ]
    plots = {
        "bench-wsgi": [
            Panel(
                f"{work.name}, {USUAL[0]} at once",
                {
                    case.server: each.rate
                    for case, each in found.items()
                    if (case.work, case.connections) == (work, USUAL[0])
                },
                "requests/s",
                grey=(BASE,),
            )
            for work in works
        ]
    }
    return Section("wsgi", "WSGI servers", "\n\n".join(text), plots)
