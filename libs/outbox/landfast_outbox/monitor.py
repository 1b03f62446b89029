"""What the relay shows of itself over HTTP: ``/healthz``, and ``/metrics`` for Prometheus."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import psycopg
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from landfast_outbox.store import census, lanes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from psycopg import Connection

    from landfast_outbox.relay import Relay
    from landfast_outbox.tally import Delays

#: Prometheus's text format. https://prometheus.io/docs/instrumenting/exposition_formats/
TEXT = "text/plain; version=0.0.4; charset=utf-8"


class TaskCollector(Collector):
    """Asks the database how the tasks stand whenever somebody wants to know.

    Args:
        relay: tells what it has done.
        connect: opens a connection to the database.
    """

    def __init__(self, relay: Relay, connect: Callable[[], Connection[Any]]) -> None:
        self._relay = relay
        self._connect = connect

    def collect(self) -> Iterable[Metric]:
        """Return the relay's counters and, while the database answers, the tasks' states."""
        tally = self._relay.tally
        for name, value, what in (
            ("published", tally.published, "Tasks that the broker confirmed."),
            ("refused", tally.refused, "Tasks that the broker handed back."),
            ("republished", tally.republished, "Tasks that came to nothing and were published again."),
            ("purged", tally.purged, "Completed tasks whose rows were deleted."),
            ("failures", tally.failures, "Times that PostgreSQL or RabbitMQ was away."),
        ):
            yield CounterMetricFamily(f"outbox_{name}", what, value=value)
        what = "Whether RabbitMQ takes no messages: an alarm of its disk or its memory is on."
        yield GaugeMetricFamily("outbox_broker_blocked", what, value=int(self._relay.blocked))
        yield _histogram(
            "outbox_publish_delay_seconds", "From when a task was due until it was confirmed.", tally.delays
        )
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


def _histogram(name: str, what: str, delays: Delays) -> HistogramMetricFamily:
    totals = accumulate(delays.counts)
    bounds = [*(str(bound) for bound in delays.BOUNDS), "+Inf"]
    return HistogramMetricFamily(name, what, buckets=list(zip(bounds, totals, strict=True)), sum_value=delays.sum)


@contextmanager
def serving(relay: Relay, connect: Callable[[], Connection[Any]], port: int) -> Iterator[int]:
    """Serve for as long as the block lasts, and hand out the port.

    Args:
        relay: whose health and figures.
        connect: opens a connection to the database.
        port: where; 0 takes a free one.
    """
    registry = CollectorRegistry()
    registry.register(TaskCollector(relay, connect))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, TEXT, generate_latest(registry))
            elif self.path == "/healthz":
                self._answer(200 if relay.alive else 503, "text/plain", b"ok\n" if relay.alive else b"it hangs\n")
            else:
                self._answer(404, "text/plain", b"there are /metrics and /healthz\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep still: these are asked all the time."""

    server = ThreadingHTTPServer(("0.0.0.0", port), Handler)  # noqa: S104 - the containers' network alone
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
