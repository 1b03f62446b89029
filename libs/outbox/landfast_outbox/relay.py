"""The relay: publishes what is committed, publishes again what came to nothing, and deletes what is long done.

``python -m landfast_outbox.relay``. Several may run: a row is locked by the one that publishes it. It is woken by
PostgreSQL's NOTIFY when a transaction with tasks commits, and looks by itself now and then, should a note get lost.
While tasks keep coming it listens to no notes and looks by itself: each would wake it and PostgreSQL's process for it.
"""

from __future__ import annotations

import logging
import logging.config
import signal
import threading
import time
from bisect import bisect_left
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from landfast_runtime.connections import Postgres, RabbitMQ
from landfast_runtime.env import Env, load
from landfast_runtime.logs import logging_config

from landfast_outbox import monitor, store
from landfast_outbox.databases import connect
from landfast_outbox.publisher import BrokerError, Publisher
from landfast_outbox.readiness import METRICS_PORT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from psycopg import Connection

logger = logging.getLogger(__name__)

#: Rows that are locked, published and confirmed together.
BATCH = 500

#: Seconds between two looks without a note, and between two attempts while something is away.
IDLE = 1.0
AWAY = 1.0

#: Seconds between the starts of two batches while tasks keep coming: a batch costs the database as much, whatever its
#: size. After a rest that was longer, a task goes at once.
GATHERING = 0.01

#: A batch of so many makes a crowd: more are likely to come while it is published.
CROWD = 4

#: Seconds without a turn of the loop after which the relay counts as hung: longer than any wait in it.
STALE = 45.0

#: How long a task that the broker would not have waits.
REFUSED = timedelta(seconds=5)

#: Seconds between two rounds of sweeping and purging, and how many rows one statement of them takes at most: each lost
#: task is looked at under a lock of its own, and PostgreSQL has room for some thousands.
ROUND = 5.0
ROUND_LIMIT = 1000


@dataclass(frozen=True)
class Periods:
    """How long things may take.

    Args:
        lost: since a task was published, after which it counts as lost unless somebody works on it; none turns that
            off, and what the broker loses is lost (a test shows that).
        kept: since a task was completed, after which its row is deleted.
    """

    lost: timedelta = timedelta(seconds=30)
    kept: timedelta = timedelta(hours=1)


@dataclass(frozen=True)
class Settings:
    """What the relay reads from its environment."""

    log_level: str
    postgres: Postgres
    broker: RabbitMQ
    periods: Periods

    @classmethod
    def from_env(cls, env: Env) -> Settings:
        """Read ``LOG_LEVEL``, ``OUTBOX_*``, ``POSTGRES_*``, ``RABBITMQ_*`` and their secrets."""
        return cls(
            log_level=env.text("LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR")),
            postgres=Postgres.from_env(env),
            broker=RabbitMQ.from_env(env),
            periods=Periods(
                lost=timedelta(seconds=env.integer("OUTBOX_LOST_AFTER", default=30, minimum=0, maximum=86_400)),
                kept=timedelta(seconds=env.integer("OUTBOX_KEEP_DONE", default=3600, minimum=0, maximum=31_536_000)),
            ),
        )


class Delays:
    """How long things took, in seconds, counted by size: what Prometheus calls a histogram."""

    #: The goals are 20 and 100 ms; whole minutes are for outages.
    BOUNDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)

    def __init__(self) -> None:
        self.counts = [0] * (len(self.BOUNDS) + 1)
        self.sum = 0.0

    def add(self, seconds: float) -> None:
        """Count one."""
        self.counts[bisect_left(self.BOUNDS, seconds)] += 1
        self.sum += seconds


@dataclass
class Tally:
    """What the relay has done since it started, for its metrics."""

    published: int = 0
    refused: int = 0
    republished: int = 0
    purged: int = 0
    failures: int = 0
    #: From when a task was due until the broker confirmed it.
    delays: Delays = field(default_factory=Delays)
    #: Set while the last attempt failed: what is wrong.
    problem: str = ""
    #: When it last got through its loop, by the monotonic clock: proof that it lives.
    turned: float = field(default_factory=time.monotonic)


class Relay:
    """One relay.

    Args:
        connect: opens an autocommit connection to PostgreSQL.
        publisher: sends to the broker.
        periods: how long things may take.
        stopping: ends it after the batch at hand.
    """

    def __init__(
        self,
        connect: Callable[[], Connection[Any]],
        publisher: Publisher,
        periods: Periods,
        stopping: threading.Event,
    ) -> None:
        self._connect = connect
        self._publisher = publisher
        self._periods = periods
        self._stopping = stopping
        self._next_round = 0.0
        self._next_batch = 0.0
        self._crowded = False
        self._listening = False
        self.tally = Tally()

    @property
    def alive(self) -> bool:
        """Whether the loop turns, or waits for a broker that takes nothing; what else is away does not matter."""
        return bool(self._publisher.blocked) or time.monotonic() - self.tally.turned < STALE

    def run(self) -> None:
        """Relay until told to stop, whatever goes away meanwhile."""
        while not self._stopping.is_set():
            try:
                with self._connect() as connection:
                    # What the relay notes down may get lost in a crash: a task is then published twice, and run once.
                    connection.execute("SET synchronous_commit = off")
                    self._listening = False
                    self._serve(connection)
            except psycopg.Error as error:
                self._note(f"postgres: {first_line(error)}")
                self._stopping.wait(AWAY)
        self._publisher.close()

    def _serve(self, connection: Connection[Any]) -> None:
        while not self._stopping.is_set():
            try:
                self._publisher.pulse()
                busy = self.turn(connection)
            except BrokerError as error:
                self._note(f"rabbitmq: {error}")
                self._stopping.wait(AWAY)
                continue
            self.tally.problem = self._publisher.blocked and f"rabbitmq takes nothing: {self._publisher.blocked}"
            self.tally.turned = time.monotonic()
            if not busy:
                self._rest(connection)

    def turn(self, connection: Connection[Any]) -> bool:
        """Publish one batch, tidy up if it is time, and return whether there may be more at once.

        Raises:
            BrokerError: the broker did not take the batch; it stays pending.
        """
        self._crowded = False
        self.tidy(connection)
        if self._publisher.blocked:  # what it will not take must not fill its sockets
            return False
        started = time.monotonic()
        batch = store.take(connection, BATCH, store.lead_ordered_queues(connection))
        self._crowded = len(batch) >= CROWD
        if not batch:
            return False
        self._next_batch = started + GATHERING
        try:
            outcome = self._publisher.publish(batch)
        except BrokerError as error:
            self.tally.published += len(error.confirmed)
            lost = [message.id for message in batch if message.id not in error.confirmed]
            store.give_back(connection, lost, timedelta(0))
            raise
        self.tally.published += len(outcome.confirmed)
        took = time.monotonic() - started
        for message in batch:
            if message.id not in outcome.refused:
                self.tally.delays.add(message.waited + took)
        if outcome.refused:
            store.give_back(connection, list(outcome.refused), REFUSED)
            self.tally.refused += len(outcome.refused)
            problem = next(iter(outcome.refused.values()))
            logger.warning("the broker refused tasks", extra={"tasks": len(outcome.refused), "problem": problem})
        return len(batch) == BATCH

    def tidy(self, connection: Connection[Any]) -> None:
        """Make lost tasks pending again and delete those long done, every few seconds.

        Raises:
            BrokerError: the broker does not say what is in its queues.
        """
        if time.monotonic() < self._next_round:
            return
        self._next_round = time.monotonic() + ROUND
        while purged := store.purge(connection, self._periods.kept, ROUND_LIMIT):
            self.tally.purged += purged
        if not self._periods.lost:
            return
        for queue, overdue in store.overdue(connection, self._periods.lost).items():
            # What merely waits in a long queue is not lost: as many as are there may be among those that are overdue.
            missing = overdue - self._publisher.backlog(queue)
            if missing > 0 and (lost := store.sweep(connection, queue, self._periods.lost, min(missing, ROUND_LIMIT))):
                self.tally.republished += lost
                logger.warning("tasks came to nothing and are published again", extra={"queue": queue, "tasks": lost})

    def _rest(self, connection: Connection[Any]) -> None:
        """Wait for a note, or until something falls due, and for more to come if the last batch was a moment ago."""
        if self._crowded:
            self._listen(connection, wanted=False)
            self._stopping.wait(self._next_batch - time.monotonic())
            return
        if not self._listening:
            self._listen(connection, wanted=True)
            return  # what was committed until now the next look finds
        due = store.next_due(connection)
        # What is overdue is somebody else's now; of what has come since, a note is waiting.
        wait = IDLE if due is None or due <= 0 else min(due, IDLE)
        _read(connection.notifies(timeout=wait, stop_after=1))
        early = self._next_batch - time.monotonic()
        if early > 0:
            self._stopping.wait(early)
            _read(connection.notifies(timeout=0))  # of tasks that the next batch has

    def _listen(self, connection: Connection[Any], *, wanted: bool) -> None:
        if wanted != self._listening:
            connection.execute(f"LISTEN {store.CHANNEL}" if wanted else f"UNLISTEN {store.CHANNEL}")
            self._listening = wanted

    def _note(self, problem: str) -> None:
        """Say what is wrong, once; the loop turns all the same."""
        self.tally.turned = time.monotonic()
        self.tally.failures += 1
        if problem != self.tally.problem:
            logger.warning("tasks wait", extra={"problem": problem})
        self.tally.problem = problem


def _read(notes: Iterable[object]) -> None:
    """Read all notes: each that is left would be a turn of the loop for nothing."""
    for _ in notes:
        pass


def first_line(error: Exception) -> str:
    """Return the first line of what an error says."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def main() -> None:
    """Relay until SIGTERM or SIGINT."""
    settings = load("relay", Settings.from_env)
    logging.config.dictConfig(logging_config("relay", settings.log_level))
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    connect_here = partial(connect, settings.postgres, "relay")
    relay = Relay(connect_here, Publisher(settings.broker, stopping), settings.periods, stopping)
    logger.info("relay started", extra={"lost_after": str(settings.periods.lost), "kept": str(settings.periods.kept)})
    with monitor.serving(relay, connect_here, METRICS_PORT):
        relay.run()


if __name__ == "__main__":
    main()
