"""A fake publisher and queries for tests of relays."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, LiteralString

from landfast_outbox import store
from landfast_outbox.publisher import BrokerError, Outcome
from landfast_outbox.task import NewTask
from landfast_testing.waiting import wait_until
from psycopg.sql import SQL

if TYPE_CHECKING:
    from collections.abc import Callable

    from landfast_outbox.relay import Relay
    from psycopg import Connection

MINUTE = timedelta(minutes=1)


@dataclass(eq=False)
class FakePublisher:
    """Accepts published messages, or behaves as the test demands."""

    published: list[uuid.UUID] = field(default_factory=list)
    blocked: str = ""
    backlogs: dict[str, int] = field(default_factory=dict)
    answer: Callable[[list[store.Message]], Outcome] | None = None
    away: str = ""
    closed: bool = False

    def publish(self, batch: list[store.Message]) -> Outcome:
        if self.away:
            raise BrokerError(self.away)
        outcome = self.answer(batch) if self.answer else Outcome([message.id for message in batch])
        self.published += outcome.confirmed
        return outcome

    def pulse(self) -> None:
        if self.away:
            raise BrokerError(self.away)

    def backlog(self, queue: str) -> int:
        return self.backlogs.get(queue, 0)

    def close(self) -> None:
        self.closed = True


def add(connection: Connection[Any], number: int = 1, **options: Any) -> list[uuid.UUID]:  # noqa: ANN401 - NewTask's
    """Write tasks and return their ids."""
    values = {"name": "tests.add", "queue": "tasks", "body": "[[],{},{}]", **options}
    tasks = [NewTask(id=uuid.uuid4(), **values) for _ in range(number)]
    with connection.transaction(), connection.cursor() as cursor:
        store.insert(cursor, tasks)
    return [task.id for task in tasks]


def total(made: Relay, name: str) -> float:
    """Return a counter of a relay."""
    labels = {"database": made.tally.database}
    return made.tally.meters.registry.get_sample_value(f"outbox_{name}_total", labels) or 0.0


def eventually(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    wait_until(condition, "the relay did not come to it")


def count(connection: Connection[Any], condition: LiteralString) -> int:
    """Return the number of other connections that meet a condition."""
    query = SQL("SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND {}").format(SQL(condition))
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0
