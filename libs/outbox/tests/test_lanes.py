"""Stalled lanes: true ones are reported, apparent ones are not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from landfast_outbox import store
from landfast_outbox.store import lanes
from landfast_outbox.task import NewTask
from landfast_testing.waiting import wait_until

if TYPE_CHECKING:
    from landfast_runtime.connections import Postgres
    from psycopg import Connection


def write(connection: Connection[Any], queue: str, **columns: str) -> UUID:
    """Write a task, and set columns to times in the past, given as an age ("3 min")."""
    identifier = uuid4()
    with connection.cursor() as cursor:
        store.insert(cursor, [NewTask(id=identifier, name="send", queue=queue, body="[[], {}, {}]")])
    for column, ago in columns.items():
        connection.execute(
            f"UPDATE outbox.task SET {column} = clock_timestamp() - %s::interval WHERE id = %s",  # noqa: S608 - columns of this test
            (ago, identifier),
        )
    return identifier


@pytest.mark.parametrize("columns", [{"due_at": "3 min"}, {"due_at": "3 min", "published_at": "3 min"}])
def test_a_lane_whose_tasks_wait_while_none_ends_is_named(connection: Connection[Any], columns: dict[str, str]) -> None:
    write(connection, "tasks.mail", **columns)
    write(connection, "tasks", due_at="3 min", published_at="3 min", completed_at="1 s")
    write(connection, "tasks", due_at="1 s")

    [(queue, seconds)] = lanes.standing(connection).items()

    assert queue == "tasks.mail"
    assert 180 <= seconds < 600


@pytest.mark.parametrize("ending", ["completed_at", "dead_at"])
def test_a_lane_in_which_tasks_end_goes_on_however_long_its_backlog(connection: Connection[Any], ending: str) -> None:
    write(connection, "tasks.mail", due_at="1 hour", published_at="1 hour")
    write(connection, "tasks.mail", **{ending: "90 s"})

    assert lanes.standing(connection) == {}


def test_a_task_of_the_future_waits_for_nobody(connection: Connection[Any]) -> None:
    write(connection, "tasks", due_at="-1 hour", created_at="1 day")

    assert lanes.standing(connection) == {}


@pytest.mark.parametrize("kind", ["short", "long"])
def test_a_task_that_somebody_runs_does_not_wait(connection: Connection[Any], postgres: Postgres, kind: str) -> None:
    identifier = write(connection, "tasks", due_at="1 hour", published_at="1 hour")
    with psycopg.connect(**postgres.parameters, autocommit=kind == "long") as running:
        assert store.claim(running, identifier).granted
        if kind == "long":
            assert store.hold(running, identifier)
        assert lanes.standing(connection) == {}

    # PostgreSQL notices a closed connection with a delay.
    wait_until(lambda: list(lanes.standing(connection)) == ["tasks"], "its worker died, and nobody saw")


def test_a_task_that_runs_again_after_a_failure_has_waited_since_it_was_written(
    connection: Connection[Any], postgres: Postgres
) -> None:
    identifier = write(connection, "tasks.mail", created_at="6 min", published_at="1 s")
    connection.execute("UPDATE outbox.task SET retries = 1")
    with psycopg.connect(**postgres.parameters, autocommit=True) as running:
        assert store.hold(running, identifier)
        assert list(lanes.standing(connection)) == ["tasks.mail"]
