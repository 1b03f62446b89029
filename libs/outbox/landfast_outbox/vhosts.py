"""Publishing into several virtual hosts: a task goes to the one in which its queue is.

Applications that share a database have virtual hosts of their own, so that none can touch the queues of another. One
that cannot be entered delays no other.
"""

from __future__ import annotations

import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from landfast_outbox.publisher import BrokerError, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from uuid import UUID

    from landfast_outbox.publisher import Publisher
    from landfast_outbox.store import Message as Row

#: Seconds after which a virtual host is tried again that could not be entered while others could.
RETRY = 5.0


class Publishers:
    """A publisher for each virtual host, with the methods of one.

    Args:
        first: the publisher of all queues that are in no other virtual host.
        others: queue -> the publisher of its virtual host.
        clock: returns seconds since any point in time.
    """

    def __init__(
        self, first: Publisher, others: Mapping[str, Publisher], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._first, self._others, self._clock = first, others, clock
        self._all = list(dict.fromkeys((first, *others.values())))
        self._away: dict[Publisher, float] = {}  # when it is tried again

    @property
    def vhosts(self) -> set[str]:
        """The virtual hosts."""
        return {each.vhost for each in self._all}

    @property
    def blocked(self) -> str:
        """The reason why the broker accepts no messages at the moment: an alarm of its memory or its disk."""
        return next((each.blocked for each in self._all if each.blocked), "")

    def publish(self, batch: Iterable[Row]) -> Outcome:
        """Send a batch, and wait until the broker has confirmed it.

        Raises:
            BrokerError: no virtual host can be entered, or none answers.
        """
        rows: dict[Publisher, list[Row]] = {}
        for row in batch:
            rows.setdefault(self._of(row.queue), []).append(row)
        outcome, errors = Outcome(), list[BrokerError]()
        for publisher, own in rows.items():
            try:
                _add(outcome, publisher.publish(own))
            except BrokerError as error:
                errors.append(error)
                self._away[publisher] = self._clock() + RETRY
                _add(outcome, _refused(own, error))
            else:
                self._away.pop(publisher, None)
        if errors and not self._any_works():
            raise BrokerError(str(errors[0]), outcome.confirmed) from errors[0]
        return outcome

    def pulse(self) -> None:
        """Do as :meth:`Publisher.pulse` in one virtual host after the other, one at each call.

        Raises:
            BrokerError: no virtual host can be entered.
        """
        publisher = self._all.pop(0)
        self._all.append(publisher)
        if self._clock() < self._away.get(publisher, 0) and len(self._away) < len(self._all):
            return
        try:
            self._pulse(publisher)
        except BrokerError:
            if not self._any_works():
                raise

    def backlog(self, queue: str) -> int:
        """Return the number of messages that wait in a queue; 0 if there is no such queue.

        If its virtual host cannot be entered, all tasks may wait there: the number is above any.

        Raises:
            BrokerError: the broker does not answer, and no virtual host can be entered.
        """
        publisher = self._of(queue)
        try:
            return publisher.backlog(queue)
        except BrokerError:
            self._away[publisher] = self._clock() + RETRY
            if not self._any_works():
                raise
            return sys.maxsize

    def close(self) -> None:
        """Forget the connections."""
        for each in self._all:
            each.close()

    def _any_works(self) -> bool:
        """Return whether any virtual host can be entered; those that are not known to be away are asked."""
        for each in [each for each in self._all if each not in self._away]:
            with suppress(BrokerError):
                self._pulse(each)
                return True
        return False

    def _pulse(self, publisher: Publisher) -> None:
        try:
            publisher.pulse()
        except BrokerError:
            self._away[publisher] = self._clock() + RETRY
            raise
        self._away.pop(publisher, None)

    def _of(self, queue: str) -> Publisher:
        return self._others.get(queue, self._first)


def _add(outcome: Outcome, other: Outcome) -> None:
    """Add an outcome to another one."""
    outcome.confirmed += other.confirmed
    outcome.refused |= other.refused
    outcome.unsendable |= other.unsendable
    outcome.closed |= other.closed


def _refused(rows: Iterable[Row], error: BrokerError) -> Outcome:
    """Return the outcome of rows whose virtual host failed: their queues are closed, like those that there are not."""
    found = Outcome()
    for row in rows:
        identifier: UUID = row.id
        if identifier in error.confirmed:
            found.confirmed.append(identifier)
        else:
            found.refused[identifier] = str(error)
            found.closed.add(row.queue)
    return found
