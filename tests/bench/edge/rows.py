"""The edge beside bare Nginx, bare uWSGI and the usual template's server, on a stack of its own.

Bare Nginx is the edge's own image with ``bare.conf``, in the same networks, with the same log. The template's server
is the same application in its own image, on gunicorn with one sync worker behind bare Nginx (``template.conf``). Load
comes from a container in the stack's networks; TLS is off but where a row says otherwise.
"""

from __future__ import annotations

import json
import re
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.loader import REQUESTS, Loader, Measured, Request, loading, middle
from tests.bench.place import Place, memory
from tests.bench.report import Panel, Section, figure, surroundings, table
from tests.bench.rounds import interleaved
from tests.bench.stacks import networks, shipped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.bench.run import Run
    from tests.support.stack import Stack

HERE = Path(__file__).resolve().parent
CONNECTIONS = 32
#: Connections of the clients that pause between requests, so that the load is a share of the highest.
PAUSING = 128
#: The share of the highest load, and how many times the median the slowest hundredth may take then.
SHARE, SLOWEST = 0.7, 5
#: Clients that keep a connection and send nothing, and the MiB that they may cost.
IDLE, IDLE_COST = 1000, 10
#: The share of the rate of plain HTTP that HTTPS with HTTP/2 reaches at least, and the connections for handshakes.
ENCRYPTED, HANDSHAKES = 0.6, 300
#: Bytes of the static file: about this many.
STATIC = 10_000
#: A visitor with a session: no page of theirs comes from a cache.
COOKIE = "sessionid=benchbenchbenchbenchbenchbench12"
#: The arguments of bare Nginx.
COMMAND = ("-c", "/bare.conf", "-g", "daemon off;")
SITE, API = "bench-site", "bench-api"
PING = "/api/v1/ping"
#: Finds the static file whose size is nearest to a number, with the hash in its name.
NEAREST = """
import sys, pathlib
root = pathlib.Path("/app/staticfiles")
files = [p for p in root.rglob("*.????????????.*") if p.suffix in {".css", ".js", ".svg"}]
print(min(files, key=lambda p: abs(p.stat().st_size - int(sys.argv[1]))).relative_to(root))
"""


@dataclass(frozen=True)
class Row:
    """A comparison.

    Args:
        name: what is compared.
        ours: the request to the edge.
        theirs: the request to compare with.
        beside: where the second one goes.
        goal: the least share of the second one's rate.
    """

    name: str
    ours: Request
    theirs: Request
    beside: str
    goal: float


@dataclass(frozen=True)
class Case:
    """One side of a comparison."""

    row: Row
    ours: bool

    def __str__(self) -> str:
        """Return its name for the progress."""
        return f"{self.row.name}, {'edge' if self.ours else self.row.beside}"

    @property
    def request(self) -> Request:
        """The request of this side."""
        return self.row.ours if self.ours else self.row.theirs


@dataclass(frozen=True)
class Files:
    """The pages and files of the measurements.

    Args:
        article: the path of an article.
        article_size: the bytes of its page.
        static: the path of a static file.
        static_size: its bytes.
    """

    article: str
    article_size: int
    static: str
    static_size: int


def find(stack: Stack, folder: Path) -> Files:
    """Find an article and a static file, and put files of the same sizes into ``folder`` for bare Nginx.

    Raises:
        SystemExit: the site has no article.
    """
    curl = ("curl", "--silent", "--fail", "--insecure", "--header", "Host: localhost")

    def get(path: str) -> bytes:
        return subprocess.run([*curl, f"{stack.http_url}{path}"], capture_output=True, check=True).stdout

    link = re.search(rb'href="(/news/(?!category|tag)[\w-]+/)"', get("/"))
    if link is None:
        raise SystemExit("the site's first page has no article")
    article = link[1].decode()
    page = get(article)
    static = stack.execute("web-django", "python", "-c", NEAREST, str(STATIC)).strip()
    file = get(f"/static/{static}")
    (folder / "article").write_bytes(page)
    (folder / "file").write_bytes(file)
    return Files(article, len(page), f"/static/{static}", len(file))


def rows(files: Files, logging: str, other: str) -> list[Row]:
    """Return the comparisons.

    Args:
        files: the requested pages and files.
        logging: the host name of an edge that logs each request, as bare Nginx does.
        other: the host name of bare Nginx.
    """

    def edge(path: str, cookie: str = "") -> Request:
        return Request(f"http://nginx:8080{path}", host="localhost", cookie=cookie)

    def bare(path: str, port: int = 8080, cookie: str = "") -> Request:
        return Request(f"http://{other}:{port}{path}", host="localhost", cookie=cookie)

    kilobytes = files.static_size / 1000
    return [
        Row("`return 200`", edge("/healthz"), bare("/healthz"), "bare Nginx", 0.85),
        Row(
            "`return 200`, each logged", Request(f"http://{logging}:8080/healthz"), bare("/healthz"), "bare Nginx", 0.85
        ),
        Row("anonymous article", edge(files.article), bare("/static/article"), "a file of its size", 0.5),
        Row(f"static file, {kilobytes:.0f} KB", edge(files.static), bare("/static/file"), "bare Nginx", 0.9),
        Row("API JSON", edge(PING), Request(f"http://api-flask:8000{PING}", host="localhost"), "bare uWSGI", 0.9),
        Row("API JSON", edge(PING), bare(PING, 8082), "one gunicorn sync", 2),
        Row(
            "Django page, no cache",
            edge(files.article, COOKIE),
            bare(files.article, 8081, COOKIE),
            "one gunicorn sync",
            2,
        ),
    ]


@contextmanager
def alone(stack: Stack, name: str, service: str, **variables: str) -> Iterator[None]:
    """Run one more container of a service, with variables of its own, for as long as the context lasts."""
    try:
        values = [f"--env={key}={value}" for key, value in variables.items()]
        stack.compose("run", "--detach", "--no-deps", "--name", name, *values, service)
        yield
    finally:
        subprocess.run(["docker", "rm", "--force", "--volumes", name], capture_output=True, check=False)


@contextmanager
def bare_nginx(place: Place, stack: Stack, folder: Path) -> Iterator[str]:
    """Have bare Nginx and the template's servers in the stack's networks for as long as the context lasts."""
    with ExitStack() as started:
        started.enter_context(
            alone(stack, f"{place.name}-site", "web-django", WEB_SERVER="gunicorn-sync", WEB_WORKERS="1")
        )
        started.enter_context(
            alone(stack, f"{place.name}-api", "api-flask", API_SERVER="gunicorn-sync", API_PROCESSES="1")
        )
        first, *others = networks(stack, "nginx")
        configuration = (HERE / "template.conf").read_text(encoding="utf-8")
        for alias, name in ((SITE, f"{place.name}-site"), (API, f"{place.name}-api")):
            configuration = configuration.replace(alias, name)
        (folder / "bare.d").mkdir()
        (folder / "bare.d/template.conf").write_text(configuration, encoding="utf-8")
        options = (
            *(f"--volume={HERE}/bare.conf:/bare.conf:ro", f"--volume={folder}/bare.d:/bare.d:ro"),
            *(f"--volume={folder}:/var/lib/static:ro", "--entrypoint=nginx"),
            *(f"--network={other}" for other in others),
        )
        image = f"{stack.project}/nginx"
        yield started.enter_context(place.running("bare", image, *options, command=COMMAND, network=first))


def compare(run: Run) -> Section:
    """Measure the edge, and return the results."""
    with tempfile.TemporaryDirectory() as name, ExitStack() as started:
        folder = Path(name)
        folder.chmod(0o755)
        stack = started.enter_context(shipped("edge", API_SERVER="gunicorn-sync"))
        files = find(stack, folder)
        logging, other = f"{run.place.name}-logging", started.enter_context(bare_nginx(run.place, stack, folder))
        started.enter_context(alone(stack, logging, "nginx", EDGE_LOG_RATE="0"))
        loader = started.enter_context(loading(run.place, *networks(stack, "nginx")))
        wanted = rows(files, logging, other)
        cases = [Case(row, ours) for row in wanted for ours in (True, False)]
        for case in cases:
            loader.await_answer(case.request)

        def measure(case: Case) -> Measured:
            return loader.wrk(case.request, CONNECTIONS, run.seconds)

        found = {case: middle(each) for case, each in interleaved(cases, run, "edge", measure).items()}
        high = partial_load(loader, wanted, found, run.seconds)
        idle = idle_clients(loader, stack, run.seconds)
        secure = [over_tls(loader) for _ in range(run.rounds)]
        shaken = handshakes(loader)
    text = [
        surroundings(run),
        f"wrk with one thread and {CONNECTIONS} connections. TLS is off, logs are on.",
        "Above 1,000 lines a second the edge logs in part (`EDGE_LOG_RATE`), bare Nginx each request.",
        "Bare uWSGI ends each connection without a word, and wrk counts each such end as an error.",
        rates(wanted, found),
        high,
        idle,
        encrypted(secure),
        shaken,
        "An upload of 100 MB holds no more than 150 MiB of memory: `tests/stack/test_datasets.py`.",
    ]
    plots = {"bench-edge": [panel(row, found) for row in wanted]}
    return Section("edge", "The edge", "\n\n".join(text), plots)


def panel(row: Row, found: Mapping[Case, Measured]) -> Panel:
    """Return the bars of a comparison."""
    bars = {"the edge": found[Case(row, True)].rate, row.beside: found[Case(row, False)].rate}  # noqa: FBT003
    return Panel(row.name.replace("`", ""), bars, "requests/s", grey=(row.beside,))


def rates(wanted: Sequence[Row], found: Mapping[Case, Measured]) -> str:
    """Return the table of rates and their shares."""
    lines = []
    for row in wanted:
        ours, theirs = (found[Case(row, side)] for side in (True, False))
        share = ours.rate / theirs.rate if theirs.rate else 0.0
        errors = ours.errors + theirs.errors
        lines.append(
            (
                *(
                    row.name,
                    figure(ours.rate),
                    f"{figure(theirs.rate)} ({row.beside})",
                    f"{share:.2f}",
                    f"≥ {row.goal}",
                ),
                *("yes" if share >= row.goal else "**no**", figure(ours.p50), figure(ours.p99), errors),
            )
        )
    return table(
        ("work", "edge, requests/s", "beside", "share", "goal", "reached", "p50, ms", "p99, ms", "errors"), lines
    )


def partial_load(loader: Loader, wanted: Sequence[Row], found: Mapping[Case, Measured], seconds: int) -> str:
    """Measure each kind of request at a share of its highest load, and return a table."""
    lines = []
    for row in {row.ours: row for row in wanted}.values():
        highest = found[Case(row, True)].rate  # noqa: FBT003
        if not highest:
            continue
        idle = loader.wrk(row.ours, 1, 1)
        pause = max(0.0, 1000 * PAUSING / (SHARE * highest) - idle.p50)
        paced = Request(row.ours.url, row.ours.host, row.ours.cookie, row.ours.body, pause)
        at = loader.wrk(paced, PAUSING, max(seconds, 5))
        factor = at.p99 / at.p50 if at.p50 else 0.0
        lines.append(
            (
                *(row.name, figure(at.rate), f"{at.rate / highest:.2f}", figure(at.p50), figure(at.p99)),
                *(f"{factor:.1f}", f"≤ {SLOWEST}", "yes" if factor <= SLOWEST else "**no**"),
            )
        )
    head = ("at 70 % of the highest load", "requests/s", "share", "p50, ms", "p99, ms", "p99 / p50", "goal", "reached")
    return table(head, lines)


def idle_clients(loader: Loader, stack: Stack, seconds: int) -> str:
    """Measure what many idle clients cost, and return a table.

    Raises:
        SystemExit: Nginx does not take all of them.
    """
    nginx, request = stack.container("nginx"), Request("http://nginx:8080/healthz", host="localhost")
    before, without = memory(nginx), loader.wrk(request, CONNECTIONS, seconds)
    with loader.client("idle", "nginx", 8080, "/healthz", IDLE) as clients:
        kept = int(clients.stdout.readline() or 0) if clients.stdout else 0
        if kept != IDLE:
            raise SystemExit(f"Nginx keeps {kept} of {IDLE} idle connections")
        after, beside = memory(nginx), loader.wrk(request, CONNECTIONS, seconds)
    cost = after - before
    line = (
        *(f"{IDLE:,} idle clients", figure(max(cost, 0)), f"≤ {IDLE_COST}", "yes" if cost <= IDLE_COST else "**no**"),
        *(figure(without.p99), figure(beside.p99)),
    )
    return table(("beside", "more memory, MiB", "goal", "reached", "p99 without, ms", "p99 beside, ms"), [line])


def over_tls(loader: Loader) -> tuple[float, float]:
    """Return the rates of h2load without and with TLS, with HTTP/2 where the edge offers it."""
    plain = loader.h2load("http://nginx:8080/healthz", CONNECTIONS, "--h1")
    return plain, loader.h2load("https://nginx:8443/healthz", CONNECTIONS)


def encrypted(measured: Sequence[tuple[float, float]]) -> str:
    """Return the table of requests over TLS."""
    plain, secure = (sorted(each)[len(measured) // 2] for each in zip(*measured, strict=True))
    share = secure / plain if plain else 0.0
    line = (
        "`return 200`, HTTPS with HTTP/2",
        figure(plain),
        figure(secure),
        f"{share:.2f}",
        f"≥ {ENCRYPTED}",
        "yes" if share >= ENCRYPTED else "**no**",
    )
    text = f"h2load, {CONNECTIONS} connections with a full handshake and {REQUESTS:,} requests each"
    return table((text, "HTTP/1.1, requests/s", "HTTPS", "share", "goal", "reached"), [line])


def handshakes(loader: Loader) -> str:
    """Measure new connections with one request each, and return a table.

    Raises:
        SystemExit: a session was not resumed.
    """
    with loader.client("handshakes", "nginx", "8080,8443", "/healthz", HANDSHAKES) as client:
        found = json.loads(client.stdout.read() if client.stdout else "{}")
    if found["reused"] != HANDSHAKES:
        raise SystemExit(f"Nginx resumed {found['reused']} of {HANDSHAKES} sessions")
    line = (
        f"{HANDSHAKES} connections, one after the other",
        *(figure(found[kind]) for kind in ("plain", "full", "resumed")),
    )
    return table(("a request with its own connection", "HTTP, ms", "full handshake, ms", "resumed, ms"), [line])
