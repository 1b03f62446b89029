"""The relay publishes committed tasks, republishes lost ones, and deletes tasks that were completed long ago.

Each database has a relay (:mod:`landfast_outbox.relays`). Several processes may run: each locks the rows that it
publishes. PostgreSQL's NOTIFY wakes the relay when a transaction with tasks commits, and the relay polls every second
in case a notification is lost. While tasks keep coming, it does not listen but polls: each notification would wake the
relay and its PostgreSQL process.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any

import psycopg
from landfast_runtime.shortage import lacking

from landfast_outbox import store
from landfast_outbox.closed import ClosedQueues
from landfast_outbox.publisher import BrokerError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable

    from psycopg import Connection

    from landfast_outbox.publisher import Outcome, Publisher
    from landfast_outbox.settings import Periods
    from landfast_outbox.tally import Tally
    from landfast_outbox.vhosts import Publishers

logger = logging.getLogger(__name__)

#: Rows that are locked, published and confirmed together.
BATCH = 500

#: Seconds between two polls without a notification, and between two attempts while a server is away.
IDLE = 1.0
AWAY = 1.0

#: Seconds between the starts of two batches while tasks keep coming: a batch costs the database the same, whatever its
#: size. After a longer pause, a task is published at once.
GATHERING = 0.01

#: The size from which a batch shows that tasks keep coming: more are likely to come while it is published.
CROWD = 4

#: Seconds without an iteration of the loop after which the relay counts as hung: longer than any wait in the loop.
STALE = 45.0

#: Seconds between two rounds of sweeping and purging, and the most rows that one of their statements takes: each lost
#: task is examined under a lock of its own, and PostgreSQL has room for some thousands. If there is more to purge, the
#: purge continues in the next iteration, so that a batch is published in between.
ROUND = 5.0
ROUND_LIMIT = 1000


class Relay:
    """The relay of one database.

    Args:
        connect: opens an autocommit connection to PostgreSQL.
        publisher: publishes messages to the broker.
        periods: time limits and retention.
        stopping: ends the relay after the current batch.
        tally: the relay's counters, labelled with the database.
    """

    def __init__(
        self,
        connect: Callable[[], Connection[Any]],
        publisher: Publisher | Publishers,
        periods: Periods,
        stopping: threading.Event,
        tally: Tally,
    ) -> None:
        self._connect = connect
        self._publisher = publisher
        self._periods = periods
        self._stopping = stopping
        self._closed = ClosedQueues()
        self._next_sweep = self._next_purge = 0.0
        self._next_batch = 0.0
        self._crowded = False
        self._listening = False
        self.tally = tally
        self._logger = logging.LoggerAdapter(logger, {"database": tally.database}, merge_extra=True)

    @property
    def alive(self) -> bool:
        """Whether the loop runs, or waits for a blocked broker; outages of other services do not matter."""
        return self.blocked or time.monotonic() - self.tally.turned < STALE

    @property
    def blocked(self) -> bool:
        """Whether the broker accepts no messages: an alarm of its disk or its memory is on."""
        return bool(self._publisher.blocked)

    def run(self) -> None:
        """Relay until the stop signal, through any outage."""
        while not self._stopping.is_set():
            try:
                with self._connect() as connection:
                    store.commit_asynchronously(connection)
                    self._listening = False
                    self._serve(connection)
            except psycopg.Error as error:
                self._fail(f"postgres: {first_line(error)}")
                self._stopping.wait(AWAY)
        self._publisher.close()

    def _serve(self, connection: Connection[Any]) -> None:
        while not self._stopping.is_set():
            try:
                self._publisher.pulse()
                busy = self.turn(connection)
            except BrokerError as error:
                self._closed.clear()
                self._fail(f"rabbitmq: {error}")
                self._stopping.wait(AWAY)
                continue
            blocked = self.blocked and f"rabbitmq accepts no messages: {self._publisher.blocked}"
            if blocked and blocked != self.tally.problem:
                self._logger.error("tasks wait", extra={"problem": blocked})
            self.tally.problem = blocked or ""
            self.tally.turned = time.monotonic()
            if not busy:
                self._rest(connection)

    def turn(self, connection: Connection[Any]) -> bool:
        """Publish one batch, sweep and purge if it is time, and return whether more work may be waiting.

        Raises:
            BrokerError: the broker did not accept the batch; its tasks stay pending.
        """
        self._crowded = False
        more = self.tidy(connection)
        if self._publisher.blocked:  # messages that the broker does not read must not fill its sockets
            return more
        started = time.monotonic()
        batch = self._take(connection)
        self._crowded = len(batch) >= CROWD
        if not batch:
            return more
        self._next_batch = started + GATHERING
        try:
            outcome = self._publisher.publish(batch)
        except BrokerError as error:
            self.tally.published.inc(len(error.confirmed))
            store.give_back(connection, [message.id for message in batch if message.id not in error.confirmed])
            raise
        took = time.monotonic() - started
        for message in batch:
            if message.id not in outcome.refused and message.id not in outcome.unsendable:
                self.tally.delays.observe(message.waited + took)
        self._note_outcome(connection, batch, outcome)
        return more or len(batch) >= BATCH

    def _take(self, connection: Connection[Any]) -> list[store.Message]:
        """Return the next batch; it is one task if a closed queue is to be tried again."""
        ordered = store.lead_ordered_queues(connection)
        batch: list[store.Message] = []
        for queue in self._closed.to_try:
            if tried := store.take(connection, 1, ordered, only=queue):
                batch += tried
            else:
                self._closed.open(queue)
        return batch + store.take(connection, BATCH, ordered, without=self._closed.names)

    def _note_outcome(self, connection: Connection[Any], batch: Iterable[store.Message], outcome: Outcome) -> None:
        """Count the published tasks, make the refused ones pending again, and remember the closed queues."""
        self.tally.published.inc(len(outcome.confirmed))
        self.tally.refused.inc(len(outcome.refused) + len(outcome.unsendable))
        if outcome.refused:
            store.give_back(connection, list(outcome.refused))
        for identifier, problem in outcome.unsendable.items():
            store.bury(connection, identifier, problem)
            self._logger.error("a task is a dead letter", extra={"id": str(identifier), "problem": problem})
        for queue in outcome.closed:
            if self._closed.close(queue):
                problems = (outcome.refused[message.id] for message in batch if message.queue == queue)
                self._logger.warning(
                    "the broker refuses the tasks of a queue: they wait", extra={"problem": next(problems)}
                )
        if self._closed.names:
            for queue in {message.queue for message in batch} - outcome.closed:
                if self._closed.open(queue):
                    self._logger.info("the broker accepts the tasks of a queue again", extra={"queue": queue})

    def tidy(self, connection: Connection[Any]) -> bool:
        """Make lost tasks pending again and delete those that ended long ago, every few seconds.

        Returns:
            Whether there is more to delete.

        Raises:
            BrokerError: the broker does not report the lengths of its queues.
        """
        more = self._purge(connection)
        if time.monotonic() >= self._next_sweep and self._periods.lost:
            self._next_sweep = time.monotonic() + ROUND
            self._sweep(connection)
        return more

    def _purge(self, connection: Connection[Any]) -> bool:
        if time.monotonic() < self._next_purge:
            return False
        done, dead = store.purge(connection, self._periods.kept, ROUND_LIMIT), 0
        if self._periods.kept_dead:
            dead = store.purge_dead(connection, self._periods.kept_dead, ROUND_LIMIT)
        if dead:
            self._logger.warning("dead letters were deleted: their retention has ended", extra={"tasks": dead})
        self.tally.purged.inc(done + dead)
        more = max(done, dead) == ROUND_LIMIT
        self._next_purge = time.monotonic() + (0 if more else ROUND)
        return more

    def _sweep(self, connection: Connection[Any]) -> None:
        for queue, overdue in store.overdue(connection, self._periods.lost).items():
            # A task that waits in a long queue is not lost: so many overdue tasks as the queue is long may wait there.
            missing = overdue - self._publisher.backlog(queue)
            if missing > 0 and (lost := store.sweep(connection, queue, self._periods.lost, min(missing, ROUND_LIMIT))):
                self.tally.republished.inc(lost)
                self._logger.warning("lost tasks are published again", extra={"queue": queue, "tasks": lost})

    def _rest(self, connection: Connection[Any]) -> None:
        """Wait for a notification or for the next due task, and at least until the next batch may start."""
        if self._crowded:
            self._listen(connection, wanted=False)
            self._stopping.wait(self._next_batch - time.monotonic())
            return
        if not self._listening:
            self._listen(connection, wanted=True)
            return  # the next poll finds the tasks that were committed before LISTEN
        due = store.next_due(connection, self._closed.names)
        # Another relay holds the overdue tasks. Tasks that were committed since have sent a notification.
        wait = IDLE if due is None or due <= 0 else min(due, IDLE)
        _read(connection.notifies(timeout=wait, stop_after=1))
        early = self._next_batch - time.monotonic()
        if early > 0:
            self._stopping.wait(early)
            _read(connection.notifies(timeout=0))  # the next batch takes their tasks

    def _listen(self, connection: Connection[Any], *, wanted: bool) -> None:
        if wanted != self._listening:
            store.listen(connection, wanted=wanted)
            self._listening = wanted

    def _fail(self, problem: str) -> None:
        """Count a failure, and log it once while it lasts; the loop goes on."""
        self.tally.turned = time.monotonic()
        self.tally.failures.inc()
        if problem != self.tally.problem:
            level = logging.ERROR if lacking(problem) else logging.WARNING
            self._logger.log(level, "tasks wait", extra={"problem": problem})
        self.tally.problem = problem


def _read(notifications: Iterable[object]) -> None:
    """Read all notifications: each unread one would cost a poll that finds nothing."""
    for _ in notifications:
        pass


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


if __name__ == "__main__":  # an earlier release had the program here: a silent exit would look like success
    sys.exit("landfast_outbox.relay is no longer a program: run `python -m landfast_outbox.relays`")
