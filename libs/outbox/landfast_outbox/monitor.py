"""What the relay shows of itself over HTTP: ``/healthz``, and ``/metrics`` for Prometheus."""

from __future__ import annotations

from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Protocol

import psycopg
from prometheus_client import disable_created_metrics, make_wsgi_app, start_http_server
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from landfast_outbox.store import census, lanes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from psycopg import Connection

    from landfast_outbox.tally import Tally


class Watched(Protocol):
    """What is shown of a relay."""

    @property
    def tally(self) -> Tally:
        """What it has done."""

    @property
    def alive(self) -> bool:
        """Whether its loop turns."""

    @property
    def blocked(self) -> bool:
        """Whether the broker takes no messages."""


class TaskCollector(Collector):
    """Asks the database how the tasks stand whenever somebody wants to know.

    Args:
        relay: knows whether the broker is blocked.
        connect: opens a connection to the database.
    """

    def __init__(self, relay: Watched, connect: Callable[[], Connection[Any]]) -> None:
        self._relay = relay
        self._connect = connect

    def collect(self) -> Iterable[Metric]:
        """Return the broker's state and, while the database answers, the tasks' states."""
        what = "Whether RabbitMQ takes no messages: an alarm of its disk or its memory is on."
        yield GaugeMetricFamily("outbox_broker_blocked", what, value=int(self._relay.blocked))
        try:
            with self._connect() as connection:
                counts, standing = census.counts(connection), lanes.standing(connection)
                retried = census.retried(connection)
        except psycopg.Error:
            yield GaugeMetricFamily("outbox_database_up", "Whether PostgreSQL answers the relay.", value=0)
            return
        yield GaugeMetricFamily("outbox_database_up", "Whether PostgreSQL answers the relay.", value=1)
        tasks = GaugeMetricFamily("outbox_tasks", "Tasks by state.", labels=["state"])
        for state in ("pending", "in_flight", "done", "dead"):
            tasks.add_metric([state], getattr(counts, state))
        yield tasks
        what = "Tasks that wait for another run after an error, by its kind."
        after = GaugeMetricFamily("outbox_retried_tasks", what, labels=["error"])
        for kind, number in retried.items():
            after.add_metric([kind], number)
        yield after
        what = "Age of the oldest task that is due and not published."
        yield GaugeMetricFamily("outbox_oldest_pending_seconds", what, value=counts.oldest_pending)
        what = "For how long something has been due while nothing at all was published."
        yield GaugeMetricFamily("outbox_stalled_seconds", what, value=counts.stalled)
        what = "For how long the oldest task of a queue has waited while none of that queue ends; absent while some do."
        still = GaugeMetricFamily("outbox_standing_seconds", what, labels=["queue"])
        for queue, seconds in standing.items():
            still.add_metric([queue], seconds)
        yield still


def pages(relay: Watched, metrics: WSGIApplication) -> WSGIApplication:
    """Return the pages: the library would show the metrics at any path, and knows no health.

    Args:
        relay: whose health.
        metrics: answers ``/metrics``.
    """

    def answer(request: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = request["PATH_INFO"]
        if path == "/metrics":
            return metrics(request, start_response)
        status, text = HTTPStatus.NOT_FOUND, "there are /metrics and /healthz\n"
        if path == "/healthz":
            alive = relay.alive
            status, text = (HTTPStatus.OK, "ok\n") if alive else (HTTPStatus.SERVICE_UNAVAILABLE, "it hangs\n")
        body = text.encode()
        headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    return answer


@contextmanager
def serving(relay: Watched, connect: Callable[[], Connection[Any]], port: int) -> Iterator[int]:
    """Serve for as long as the block lasts, and hand out the port.

    Args:
        relay: whose health and figures.
        connect: opens a connection to the database.
        port: where; 0 takes a free one.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call]  # else each counter has a series more: when it began
    registry = relay.tally.registry
    registry.register(TaskCollector(relay, connect))
    server, _ = start_http_server(port, registry=registry)
    server.set_app(pages(relay, make_wsgi_app(registry)))
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
