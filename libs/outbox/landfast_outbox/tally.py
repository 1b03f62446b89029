"""A relay's Prometheus counters since its start, and the data for its health."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Histogram

#: Upper bounds of the delays, in seconds: the goals are 20 and 100 ms; whole minutes are for outages.
BOUNDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Meters:
    """The Prometheus counters of all relays in a process, labelled with the relay's database.

    Attributes:
        registry: the registry of these counters only.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()

        def counter(name: str, what: str) -> Counter:
            return Counter(f"outbox_{name}", what, ["database"], registry=self.registry)

        self.published = counter("published", "Tasks that the broker confirmed.")
        self.refused = counter("refused", "Tasks that the broker returned.")
        self.republished = counter("republished", "Lost tasks that were published again.")
        self.purged = counter("purged", "Completed tasks whose rows were deleted.")
        self.failures = counter("failures", "Attempts that failed because PostgreSQL or RabbitMQ was away.")
        what = "Seconds from a task's due time until its confirm."
        name = "outbox_publish_delay_seconds"
        self.delays = Histogram(name, what, ["database"], buckets=BOUNDS, registry=self.registry)


class Tally:
    """The counters of one relay since its start.

    Args:
        meters: the counters of all relays.
        database: the database whose tasks the relay publishes.

    Attributes:
        meters, database: as given.
        delays: seconds from when a task was due until the broker confirmed it.
        problem: the error while the last attempt failed.
        turned: the monotonic time of the last iteration of the loop: proof that the relay works.
    """

    def __init__(self, meters: Meters, database: str) -> None:
        self.meters, self.database = meters, database
        self.published = meters.published.labels(database)
        self.refused = meters.refused.labels(database)
        self.republished = meters.republished.labels(database)
        self.purged = meters.purged.labels(database)
        self.failures = meters.failures.labels(database)
        self.delays = meters.delays.labels(database)
        self.problem = ""
        self.turned = time.monotonic()
