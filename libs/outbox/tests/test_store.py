"""The table: claims on rows, and rows' states."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, LiteralString

import psycopg
import pytest
from landfast_outbox import store
from landfast_outbox.store import census
from landfast_outbox.task import NewTask
from landfast_testing.waiting import DEADLINE, wait_until
from psycopg.sql import SQL

from tests.relaying import MINUTE, add
from tests.worker import falling_due_in, take

if TYPE_CHECKING:
    from psycopg import Connection

NO_TIME = timedelta(0)


def ids(messages: list[store.Message]) -> list[uuid.UUID]:
    return [message.id for message in messages]


def row(connection: Connection[Any], identifier: uuid.UUID, columns: LiteralString) -> tuple[Any, ...]:
    query = SQL("SELECT {} FROM outbox.task WHERE id = %s").format(SQL(columns))
    found = connection.execute(query, (identifier,)).fetchone()
    assert found
    return tuple(found)


def age(connection: Connection[Any], column: LiteralString, by: timedelta) -> None:
    """Move a row's times into the past."""
    connection.execute(SQL("UPDATE outbox.task SET {0} = {0} - %s").format(SQL(column)), (by,))


def test_what_is_due_is_taken_once_in_the_order_of_writing(connection: Connection[Any]) -> None:
    written = add(connection, 3)
    later = add(connection, wait=MINUTE)

    assert ids(take(connection)) == written
    assert take(connection) == []
    age(connection, "due_at", MINUTE)
    assert ids(take(connection)) == later


def test_tasks_that_fall_due_together_keep_the_order_of_writing(connection: Connection[Any]) -> None:
    written = add(connection, 120, due_at=datetime.now(UTC) - MINUTE)

    assert ids(take(connection, 200)) == written


def test_a_message_has_what_was_written(connection: Connection[Any]) -> None:
    [identifier] = add(connection, headers={"task": "é"}, properties={"priority": 3}, queue="slow", body="[]")

    [message] = take(connection)
    assert (message.id, message.queue, message.headers, message.properties, message.body, message.ordered) == (
        identifier,
        "slow",
        {"task": "é"},
        {"priority": 3},
        "[]",
        False,
    )


def test_two_relays_take_different_tasks(connection: Connection[Any], other: Connection[Any]) -> None:
    first, second = add(connection, 2)
    with connection.transaction():
        assert ids(take(connection, 1)) == [first]
        assert ids(take(other, 2)) == [second]
    assert take(other) == []


def test_ordered_tasks_are_taken_by_the_queue_s_leader_alone(
    connection: Connection[Any], other: Connection[Any]
) -> None:
    written = add(connection, 3, ordered=True)
    [plain] = add(connection)

    assert store.lead_ordered_queues(connection) == ["tasks"]
    assert store.lead_ordered_queues(connection) == ["tasks"], "it knows that it leads"
    assert store.lead_ordered_queues(other) == []
    assert ids(take(other)) == [plain]
    assert ids(take(connection, ordered=("tasks",))) == written
    connection.execute("SELECT pg_advisory_unlock_all()")
    add(connection, ordered=True)
    assert store.lead_ordered_queues(other) == ["tasks"]


def test_what_the_broker_would_not_have_waits(connection: Connection[Any]) -> None:
    [identifier] = add(connection)
    take(connection)
    due = row(connection, identifier, "due_at")
    store.give_back(connection, [identifier])

    assert row(connection, identifier, "published_at, publications") == (None, 0)
    assert row(connection, identifier, "due_at") == due, "how long it has waited stays to be seen"


def test_ordered_tasks_that_the_broker_would_not_have_keep_their_place(connection: Connection[Any]) -> None:
    written = add(connection, 20, ordered=True)
    assert ids(take(connection, ordered=("tasks",))) == written
    store.give_back(connection, written[::-1])
    written += add(connection, ordered=True)

    assert ids(take(connection, ordered=("tasks",))) == written


def test_what_a_worker_holds_by_now_did_arrive(connection: Connection[Any], other: Connection[Any]) -> None:
    held, free = add(connection, 2)
    take(connection)
    with other.transaction():
        assert store.claim(other, held).granted
        store.give_back(connection, [held, free])
    store.complete(other, held)
    store.give_back(connection, [held])

    assert ids(take(connection)) == [free]


def test_a_task_is_claimed_by_one_alone(connection: Connection[Any], other: Connection[Any]) -> None:
    [identifier] = add(connection)
    with connection.transaction():
        assert store.claim(connection, identifier) == store.Claim(granted=True)
        assert store.claim(other, identifier) == store.Claim(granted=False)
    assert store.claim(other, identifier).granted


def test_a_task_that_is_not_due_not_there_or_dead_is_nobody_s(connection: Connection[Any]) -> None:
    [later], [dead] = add(connection, wait=MINUTE), add(connection)
    store.bury(connection, dead, "why")

    for identifier in (later, dead, uuid.uuid4()):
        assert store.claim(connection, identifier) == store.Claim(granted=False)


def test_a_task_is_completed_once_and_its_result_is_kept(connection: Connection[Any]) -> None:
    [identifier] = add(connection)

    assert store.complete(connection, identifier, "8")
    assert not store.complete(connection, identifier, "9")
    assert store.claim(connection, identifier) == store.Claim(granted=False, result="8")


def test_a_retry_is_another_message_later(connection: Connection[Any]) -> None:
    [identifier] = add(connection)
    take(connection)
    again = NewTask(id=identifier, name="tests.add", queue="tasks", body="[1]", headers={"retries": 1})
    store.retry(connection, identifier, again, MINUTE, "why\0")

    assert take(connection) == []
    assert row(connection, identifier, "retries, publications, error") == (1, 0, "why"), "its run came to an end"
    age(connection, "due_at", MINUTE)
    [message] = take(connection)
    assert (message.headers, message.body) == ({"retries": 1}, "[1]")


@pytest.mark.parametrize(
    ("error", "kept"),
    [
        ("a\0b", "ab"),
        ("\ud800", "\\ud800"),
        ("é", "é"),
        ("x" * 100_000 + "y", "x" * (store.LONGEST_ERROR - 1) + "y"),
    ],
    ids=["zero", "surrogate", "accent", "long"],
)
def test_a_dead_letter_keeps_what_went_wrong(connection: Connection[Any], error: str, kept: str) -> None:
    [identifier] = add(connection)
    store.bury(connection, identifier, error)

    assert row(connection, identifier, "error, dead_at IS NOT NULL") == (kept, True)
    assert take(connection) == []
    assert not store.complete(connection, identifier)


def test_what_is_completed_does_not_die(connection: Connection[Any]) -> None:
    [identifier] = add(connection)
    store.complete(connection, identifier)
    store.bury(connection, identifier, "too late")

    assert row(connection, identifier, "dead_at") == (None,)


def test_a_dead_letter_that_is_redriven_starts_anew(connection: Connection[Any], other: Connection[Any]) -> None:
    dead, alive, done = add(connection, 3, headers={"retries": 3})
    take(connection)
    store.count_death(connection, dead)
    store.bury(connection, dead, "why")
    store.complete(connection, done)
    other.execute("LISTEN outbox")

    assert store.redrive(connection, [dead, alive, done]) == 1
    assert row(connection, dead, "deaths, retries, publications") == (0, 0, 0)
    assert len(list(other.notifies(timeout=DEADLINE, stop_after=1))) == 1
    [message] = take(connection)
    assert (message.id, message.headers) == (dead, {"retries": 0})


def test_what_nobody_works_on_can_be_given_up(connection: Connection[Any], other: Connection[Any]) -> None:
    pending, short, long, done, dead, *others = add(connection, 200)
    store.complete(connection, done)
    store.bury(connection, dead, "earlier")
    assert store.hold(other, long)
    connection.execute("ANALYZE outbox.task")
    with other.transaction():
        store.claim(other, short)
        with connection.transaction():
            assert store.discard(connection, [pending, short, long, done, dead], "nobody wants it\0") == [pending]
            query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
            assert connection.execute(query).fetchone() == (1,), "it locks what it gives up and no more"
    other.close()

    assert row(connection, pending, "error, dead_at IS NOT NULL") == ("nobody wants it", True)
    assert row(connection, dead, "error") == ("earlier",)
    assert census.counts(connection).pending == len(others) + 2


def test_dead_letters_are_found_by_parts_of_name_and_error(connection: Connection[Any]) -> None:
    first, second, third = *add(connection, 2), *add(connection, name="tests.other%")
    for identifier, error in ((first, "no host"), (second, "100%"), (third, "no host")):
        store.bury(connection, identifier, error)

    assert store.find_dead(connection, {}, 10) == [first, second, third]
    assert store.find_dead(connection, {}, 1) == [first]
    assert store.find_dead(connection, {"error": "host"}, 10) == [first, third]
    assert store.find_dead(connection, {"error": "%"}, 10) == [second]
    assert store.find_dead(connection, {"error": "host", "name": "other%"}, 10) == [third]


def test_deaths_are_counted_while_the_task_is_nobody_s(connection: Connection[Any], other: Connection[Any]) -> None:
    [identifier] = add(connection)

    assert store.count_death(connection, identifier) is None, "it was delivered, and its worker died before it ran"
    for death in (1, 2):
        with other.transaction(force_rollback=True):
            assert store.claim(other, identifier).granted
        assert store.count_death(connection, identifier) == death
        assert store.count_death(connection, identifier) is None
    with other.transaction():
        store.claim(other, identifier)
        assert store.count_death(connection, identifier) is None
    store.complete(connection, identifier)
    assert store.count_death(connection, identifier) is None


def test_what_came_to_nothing_is_published_again(connection: Connection[Any]) -> None:
    lost, done, dead, elsewhere = *add(connection, 3), *add(connection, queue="slow")
    take(connection)
    store.complete(connection, done)
    store.bury(connection, dead, "why")
    assert store.overdue(connection, MINUTE) == {}
    assert store.sweep(connection, "tasks", MINUTE, 10) == 0
    age(connection, "published_at", 2 * MINUTE)

    assert store.overdue(connection, MINUTE) == {"tasks": 1, "slow": 1}
    assert store.sweep(connection, "tasks", MINUTE, 10) == 1
    assert ids(take(connection)) == [lost]
    assert row(connection, lost, "publications") == (2,)
    assert store.overdue(connection, MINUTE) == {"slow": 1}
    assert row(connection, elsewhere, "published_at IS NULL") == (False,)


def test_what_somebody_works_on_is_not_lost(connection: Connection[Any], other: Connection[Any]) -> None:
    short, long, lost = add(connection, 3)
    take(connection)
    age(connection, "published_at", 2 * MINUTE)
    assert store.hold(other, long)
    with other.transaction():
        store.claim(other, short)
        assert store.sweep(connection, "tasks", MINUTE, 10) == 1

    assert ids(take(connection)) == [lost]
    assert store.sweep(connection, "tasks", MINUTE, 10) == 1
    other.close()


def test_a_sweep_locks_what_it_has_found_and_no_more(connection: Connection[Any]) -> None:
    add(connection, 200)
    take(connection, 200)
    age(connection, "published_at", 2 * MINUTE)
    connection.execute("ANALYZE outbox.task")
    with connection.transaction():
        assert store.sweep(connection, "tasks", MINUTE, 7) == 7
        query = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        locks = connection.execute(query).fetchone()
    assert locks == (7,)
    assert store.sweep(connection, "tasks", MINUTE, 1000) == 193


def test_what_is_lost_again_and_again_is_published_less_and_less_often(connection: Connection[Any]) -> None:
    [identifier] = add(connection)
    take(connection)
    for publications, patience in ((1, 1), (2, 2), (3, 4), (7, 64), (49, 64)):
        connection.execute(
            "UPDATE outbox.task SET publications = %s, published_at = now() - %s",
            (publications, (patience - 0.5) * MINUTE),
        )
        assert store.sweep(connection, "tasks", MINUTE, 10) == 0
        age(connection, "published_at", MINUTE)
        assert store.sweep(connection, "tasks", MINUTE, 10) == 1
    assert ids(take(connection)) == [identifier]


def test_a_long_task_is_held_by_one_connection_until_that_ends(
    connection: Connection[Any], other: Connection[Any]
) -> None:
    [identifier] = add(connection)

    assert store.hold(other, identifier)
    assert not store.hold(connection, identifier)
    other.close()
    wait_until(lambda: store.hold(connection, identifier), "it is held for ever")
    connection.execute("SELECT pg_advisory_unlock_all()")


def test_a_long_task_that_was_let_go_is_free_at_once(connection: Connection[Any], other: Connection[Any]) -> None:
    [identifier] = add(connection)

    for _ in range(20):
        assert store.hold(other, identifier)
        store.let_go(other, identifier)
        assert store.hold(connection, identifier)
        store.let_go(connection, identifier)


def test_only_what_was_completed_long_ago_is_deleted(connection: Connection[Any]) -> None:
    old, _new, _pending, dead = add(connection, 4)
    store.bury(connection, dead, "why")
    store.complete(connection, old)
    age(connection, "completed_at", 2 * MINUTE)
    store.complete(connection, _new)

    assert store.purge(connection, MINUTE, 10) == 1
    assert store.purge(connection, MINUTE, 10) == 0
    left = connection.execute("SELECT id FROM outbox.task").fetchall()
    assert {identifier for (identifier,) in left} == {_new, _pending, dead}
    assert store.purge(connection, NO_TIME, 0) == 0


def test_counts_say_how_things_stand(connection: Connection[Any]) -> None:
    assert census.counts(connection) == census.Counts(0, 0, 0, 0, 0.0, None)
    pending, _in_flight, done, dead = add(connection, 4)
    take(connection)
    store.give_back(connection, [pending])
    store.complete(connection, done)
    store.bury(connection, dead, "why")
    connection.execute("UPDATE outbox.task SET due_at = now() - interval '90 s' WHERE id = %s", (pending,))

    counts = census.counts(connection)
    assert (counts.pending, counts.in_flight, counts.done, counts.dead) == (1, 1, 1, 1)
    assert 90 <= counts.oldest_pending < 180


def test_what_is_not_due_yet_is_not_late(connection: Connection[Any]) -> None:
    with falling_due_in(connection, 60):
        add(connection, wait=MINUTE)

    assert census.counts(connection).oldest_pending == 0


def test_without_tasks_nothing_falls_due(connection: Connection[Any]) -> None:
    assert store.next_due(connection) is None


def test_an_id_is_written_once(connection: Connection[Any]) -> None:
    task = NewTask(id=uuid.uuid4(), name="tests.add", queue="tasks", body="[]")
    with connection.cursor() as cursor:
        store.insert(cursor, [task])
        with pytest.raises(psycopg.errors.UniqueViolation):
            store.insert(cursor, [task])
