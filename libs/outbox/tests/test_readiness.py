from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from landfast_outbox import readiness, store
from landfast_outbox.readiness import OVERDUE, STALLED
from landfast_outbox.store import census
from landfast_outbox.store.census import Counts
from landfast_outbox.task import NewTask
from landfast_runtime.health import Impaired, Unavailable

if TYPE_CHECKING:
    from landfast_runtime.connections import Postgres
    from psycopg import Connection

IDLE = Counts(pending=0, in_flight=0, done=7, dead=1, oldest_pending=0.0, since_published=3600.0)


def write(connection: Connection[Any], column: str = "due_at", age: str = "0 s", queue: str = "tasks") -> None:
    identifier = uuid4()
    with connection.cursor() as cursor:
        store.insert(cursor, [NewTask(id=identifier, name="add", queue=queue, body="[[], {}, {}]")])
    connection.execute(
        f"UPDATE outbox.task SET {column} = clock_timestamp() - %s::interval WHERE id = %s",  # noqa: S608
        (age, identifier),
    )


def test_it_is_ready_when_nothing_waits() -> None:
    assert readiness.report(IDLE, {}) == {"pending": 0, "in_flight": 0, "dead": 1, "oldest_pending_seconds": 0.0}


def test_tasks_are_not_blamed_for_a_database_that_is_not_there(postgres: Postgres) -> None:
    with pytest.raises(Unavailable, match=r"cannot be checked, PostgreSQL fails: OperationalError.*refused"):
        readiness.check(replace(postgres, host="127.0.0.1", port=1))()


def test_it_is_ready_while_a_long_backlog_is_worked_off() -> None:
    readiness.report(replace(IDLE, pending=400_000, oldest_pending=OVERDUE - 1, since_published=0.2), {})


def test_it_is_ready_when_a_task_has_just_come_after_a_quiet_night() -> None:
    readiness.report(replace(IDLE, pending=1, oldest_pending=0.01, since_published=30_000.0), {})


def test_it_is_not_ready_while_nobody_publishes_what_is_due() -> None:
    with pytest.raises(Unavailable, match="none was published for 31 s") as found:
        readiness.report(replace(IDLE, pending=1, oldest_pending=STALLED + 1), {})
    assert found.value.details == {"pending": 1, "in_flight": 0, "dead": 1, "oldest_pending_seconds": 31.0}
    with pytest.raises(Unavailable, match="none was published"):
        readiness.report(replace(IDLE, oldest_pending=STALLED + 1, since_published=None), {})


def test_it_is_not_ready_when_a_task_is_left_behind() -> None:
    with pytest.raises(Unavailable, match="due for 301 s"):
        readiness.report(replace(IDLE, pending=1, oldest_pending=OVERDUE + 1, since_published=0.1), {})


def test_it_asks_the_database(postgres: Postgres, connection: Connection[Any]) -> None:
    write(connection)
    details = readiness.check(postgres)()
    assert details is not None
    assert details["pending"] == 1
    write(connection, age="40 s")
    with pytest.raises(Unavailable):
        readiness.check(postgres)()
    write(connection, "published_at", "2 s")
    details = readiness.check(postgres)()
    assert details is not None
    assert (details["pending"], details["in_flight"]) == (2, 1)
    assert 40 <= details["oldest_pending_seconds"] < OVERDUE


def test_it_names_the_queues_whose_tasks_are_not_published(postgres: Postgres, connection: Connection[Any]) -> None:
    write(connection, age="40 s", queue="nosuch")
    write(connection, age="50 s", queue="full")
    write(connection, age="5 s", queue="busy")

    with pytest.raises(
        Unavailable, match=r"none was published for 5. s, for: full \(its oldest task waits for 5. s\), nosuch"
    ):
        readiness.check(postgres)()

    write(connection, "published_at", "1 s")
    connection.execute("UPDATE outbox.task SET due_at = due_at - interval '5 min' WHERE queue = 'nosuch'")
    with pytest.raises(Unavailable, match=r"been due for 34. s, for: nosuch \(its oldest task waits for 34. s\), full"):
        readiness.check(postgres)()


def test_tasks_of_the_future_are_pending_and_late_for_nothing(connection: Connection[Any]) -> None:
    write(connection, age="-1 hour")
    counts = census.counts(connection)
    assert (counts.pending, counts.oldest_pending, counts.stalled) == (1, 0.0, 0.0)


def test_a_lane_that_stands_still_is_a_warning_and_named() -> None:
    with pytest.raises(Impaired, match=r"none ends, in: tasks\.mail \(its oldest task waits for 181 s\)") as raised:
        readiness.report(IDLE, {"tasks.mail": 180.6})
    assert raised.value.details == readiness.report(IDLE, {})


def test_it_asks_the_database_for_lanes_that_stand_still(postgres: Postgres, connection: Connection[Any]) -> None:
    write(connection, "published_at", "2 s")
    connection.execute("UPDATE outbox.task SET due_at = due_at - interval '3 min'")
    with pytest.raises(Impaired, match="tasks"):
        readiness.check(postgres)()
