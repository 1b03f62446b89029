"""The relays' own pages over HTTP: ``/healthz``, and ``/metrics`` for Prometheus."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from prometheus_client import disable_created_metrics, make_wsgi_app, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from landfast_outbox.store import census, lanes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from prometheus_client import CollectorRegistry
    from psycopg import Connection

    from landfast_outbox.tally import Tally


class Watched(Protocol):
    """The state of a relay that the pages show."""

    @property
    def tally(self) -> Tally:
        """Its counters."""

    @property
    def alive(self) -> bool:
        """Whether its loop runs."""

    @property
    def blocked(self) -> bool:
        """Whether the broker accepts no messages."""


@dataclass(frozen=True)
class Watch:
    """A relay on the pages.

    Args:
        relay: has the figures, and knows whether the broker is blocked.
        connect: opens a connection to its database.
    """

    relay: Watched
    connect: Callable[[], Connection[Any]]


#: Name -> help text, and labels beside the database.
GAUGES: Mapping[str, tuple[str, Sequence[str]]] = MappingProxyType(
    {
        "outbox_broker_blocked": ("Whether RabbitMQ accepts no messages, for an alarm of its disk or memory.", ()),
        "outbox_database_up": ("Whether PostgreSQL answers the relay.", ()),
        "outbox_tasks": ("Tasks by state.", ("state",)),
        "outbox_retried_tasks": ("Tasks that wait for a retry, by the kind of their error.", ("error",)),
        "outbox_oldest_pending_seconds": ("Seconds that the oldest due task has waited to be published.", ()),
        "outbox_stalled_seconds": ("Seconds for which tasks have been due while none at all was published.", ()),
        "outbox_standing_seconds": (
            "Seconds that a stalled queue's oldest task has waited; absent while tasks of the queue end.",
            ("queue",),
        ),
    }
)


class TaskCollector(Collector):
    """Reads the tasks' states from the databases at each scrape.

    Args:
        watches: the relays and their databases.
    """

    def __init__(self, watches: Sequence[Watch]) -> None:
        self._watches = watches

    def collect(self) -> Iterable[Metric]:
        """Return the broker's state and the tasks' states in each database that answers."""
        found = {
            name: GaugeMetricFamily(name, what, labels=["database", *labels]) for name, (what, labels) in GAUGES.items()
        }
        for watch in self._watches:
            for name, label, value in figures(watch):
                found[name].add_metric([watch.relay.tally.database, *label], value)
        return found.values()


def figures(watch: Watch) -> Iterator[tuple[str, Sequence[str], float]]:
    """Yield the name of a gauge, its label and its value; while the database is away, no gauges of tasks."""
    yield "outbox_broker_blocked", (), int(watch.relay.blocked)
    try:
        with watch.connect() as connection:
            counts, standing = census.counts(connection), lanes.standing(connection)
            retried = census.retried(connection)
    except psycopg.Error:
        yield "outbox_database_up", (), 0
        return
    yield "outbox_database_up", (), 1
    for state in ("pending", "in_flight", "done", "dead"):
        yield "outbox_tasks", (state,), getattr(counts, state)
    for kind, number in retried.items():
        yield "outbox_retried_tasks", (kind,), number
    yield "outbox_oldest_pending_seconds", (), counts.oldest_pending
    yield "outbox_stalled_seconds", (), counts.stalled
    for queue, seconds in standing.items():
        yield "outbox_standing_seconds", (queue,), seconds


def pages(relays: Sequence[Watched], metrics: WSGIApplication) -> WSGIApplication:
    """Return the WSGI application: the library's own serves the metrics at every path, and has no health page.

    Args:
        relays: the relays; if one hangs, all count as unhealthy.
        metrics: the WSGI application for ``/metrics``.
    """

    def answer(request: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = request["PATH_INFO"]
        if path == "/metrics":
            return metrics(request, start_response)
        status, text = HTTPStatus.NOT_FOUND, "there are /metrics and /healthz\n"
        if path == "/healthz":
            alive = all(relay.alive for relay in relays)
            status, text = (HTTPStatus.OK, "ok\n") if alive else (HTTPStatus.SERVICE_UNAVAILABLE, "it hangs\n")
        body = text.encode()
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    return answer


@contextmanager
def serving(watches: Sequence[Watch], registry: CollectorRegistry, port: int) -> Iterator[int]:
    """Serve during the block, and yield the port.

    Args:
        watches: the relays and their databases.
        registry: the registry of the counters.
        port: the port; 0 takes a free one.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]  # each counter would have one more series
    registry.register(TaskCollector(watches))
    server, _ = start_http_server(port, registry=registry)
    server.set_app(pages([watch.relay for watch in watches], make_wsgi_app(registry)))
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
