"""The relay: publishes committed tasks, republishes lost ones, and purges old rows."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from operator import eq
from typing import TYPE_CHECKING, Any, LiteralString

import pytest
from landfast_outbox import relay, store
from landfast_outbox.publisher import BrokerError, Outcome
from landfast_outbox.store import census, setbacks
from landfast_testing.waiting import DEADLINE
from psycopg.sql import SQL, Identifier

from tests.relaying import MINUTE, FakePublisher, add, count, eventually, total

if TYPE_CHECKING:
    import threading
    import uuid
    from collections.abc import Callable

    from landfast_outbox.relay import Relay
    from psycopg import Connection


def test_what_is_committed_is_published_at_once(
    make: Callable[..., Relay],
    running: Callable[[Relay], None],
    connection: Connection[Any],
    publisher: FakePublisher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "IDLE", 3 * DEADLINE)  # only a notification can wake it
    made = make()
    running(made)
    eventually(lambda: count(connection, "query LIKE '%until_due%'"))
    written: list[uuid.UUID] = []
    for number in (1, 2, relay.BATCH + 1, 1, relay.CROWD, 1):
        written += add(connection, number)
        eventually(partial(eq, publisher.published, written))

    assert publisher.published == written
    assert total(made, "published") == len(written)


def test_tasks_that_keep_coming_are_published_together(
    monkeypatch: pytest.MonkeyPatch, make: Callable[..., Relay], running: Callable[[Relay], None],
    publisher: FakePublisher, connection: Connection[Any],
) -> None:  # fmt: skip
    monkeypatch.setattr(relay, "GATHERING", 2.0)
    batches: list[int] = []

    def answer(batch: list[store.Message]) -> Outcome:
        batches.append(len(batch))
        return Outcome([message.id for message in batch])

    publisher.answer = answer
    running(make())
    add(connection)
    eventually(lambda: batches == [1])
    for _ in range(20):
        add(connection)
    eventually(lambda: sum(batches) == 21)
    assert len(batches) < 10, "one batch for each transaction"


def test_while_tasks_keep_coming_no_notes_are_sent(
    monkeypatch: pytest.MonkeyPatch, make: Callable[..., Relay], running: Callable[[Relay], None],
    publisher: FakePublisher, connection: Connection[Any],
) -> None:  # fmt: skip
    monkeypatch.setattr(relay, "GATHERING", 0.5)
    wishes: list[bool] = []  # the server shows only the last statement, for as long as this test may stand still

    def listen(own: Connection[Any], *, wanted: bool) -> None:
        hear(own, wanted=wanted)
        wishes.append(wanted)

    hear = store.listen
    monkeypatch.setattr(store, "listen", listen)
    running(make())
    eventually(lambda: wishes == [True])
    add(connection, relay.CROWD)
    eventually(lambda: wishes[:2] == [True, False])
    add(connection, relay.CROWD)
    eventually(lambda: len(publisher.published) == 2 * relay.CROWD)
    eventually(lambda: wishes[-1])  # it rests, and listens again
    monkeypatch.setattr(relay, "IDLE", 3 * DEADLINE)
    add(connection)
    eventually(lambda: len(publisher.published) == 2 * relay.CROWD + 1)


def test_what_is_due_later_is_published_then(
    make: Callable[..., Relay],
    running: Callable[[Relay], None],
    connection: Connection[Any],
    publisher: FakePublisher,
) -> None:
    running(make())
    later = add(connection, wait=timedelta(seconds=0.5))
    now = add(connection)
    eventually(lambda: len(publisher.published) == 2)

    assert sorted(publisher.published) == sorted(later + now)
    early = connection.execute("SELECT id FROM outbox.task WHERE published_at < due_at").fetchall()
    assert not early


def test_several_relays_publish_each_task_once(
    make: Callable[..., Relay],
    running: Callable[[Relay], None],
    connection: Connection[Any],
    publisher: FakePublisher,
) -> None:
    for _ in range(3):
        running(make())
    written = [each for _ in range(20) for each in add(connection, 60)]
    eventually(lambda: len(publisher.published) >= len(written))

    assert sorted(publisher.published) == sorted(written)


def test_ordered_tasks_are_published_in_their_order_however_many_relays_there_are(
    make: Callable[..., Relay],
    running: Callable[[Relay], None],
    connection: Connection[Any],
    publisher: FakePublisher,
) -> None:
    for _ in range(2):
        running(make())
    written = [each for _ in range(50) for each in add(connection, 2, ordered=True)]
    eventually(lambda: len(publisher.published) >= len(written))

    assert publisher.published == written


def test_a_message_that_can_never_be_sent_is_a_dead_letter(
    make: Callable[..., Relay], connection: Connection[Any], publisher: FakePublisher
) -> None:
    bad, good = add(connection, 2)
    publisher.answer = lambda _: Outcome([good], unsendable={bad: "it cannot be sent: priority"})
    made = make()
    made.turn(connection)

    assert total(made, "refused") == 1
    assert connection.execute("SELECT id, error FROM outbox.task WHERE dead_at IS NOT NULL").fetchall() == [
        (bad, "it cannot be sent: priority")
    ]


def test_what_was_not_confirmed_is_published_again(
    make: Callable[..., Relay], connection: Connection[Any], publisher: FakePublisher
) -> None:
    confirmed, lost = add(connection, 2)

    def break_off(_: list[store.Message]) -> Outcome:
        raise BrokerError("gone", [confirmed])

    publisher.answer = break_off
    made = make()
    with pytest.raises(BrokerError):
        made.turn(connection)
    publisher.answer = None
    made.turn(connection)

    assert publisher.published == [lost]
    assert total(made, "published") == 2


def test_a_broker_that_has_no_room_is_given_nothing(
    make: Callable[..., Relay], connection: Connection[Any], publisher: FakePublisher
) -> None:
    written = add(connection)
    publisher.blocked = "low on disk"
    made = make()
    assert not made.turn(connection)
    assert census.counts(connection).pending == 1
    made.tally.turned -= 2 * relay.STALE
    assert made.alive, "it waits, it does not hang"

    publisher.blocked = ""
    made.turn(connection)
    assert publisher.published == written


def test_a_full_batch_is_followed_by_the_next_one(
    make: Callable[..., Relay], connection: Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "BATCH", 2)
    add(connection, 3)
    made = make()

    assert [made.turn(connection) for _ in range(3)] == [True, False, False]


def lose(connection: Connection[Any], number: int = 1, queue: str = "tasks") -> list[uuid.UUID]:
    """Write tasks that were published two minutes ago and then lost."""
    lost = add(connection, number, queue=queue)
    connection.execute(
        "UPDATE outbox.task SET published_at = now() - interval '2 min', publications = 1 WHERE id = ANY (%s)", (lost,)
    )
    return lost


def test_what_came_to_nothing_is_published_again(
    make: Callable[..., Relay], connection: Connection[Any], publisher: FakePublisher
) -> None:
    lost = lose(connection, 3)
    made = make(lost=MINUTE)
    made.turn(connection)

    assert publisher.published == lost
    assert total(made, "republished") == 3


def test_what_may_still_wait_in_its_queue_is_not_published_again(
    make: Callable[..., Relay], connection: Connection[Any], publisher: FakePublisher
) -> None:
    lose(connection, 3)
    lost = lose(connection, 1, "slow")
    publisher.backlogs = {"tasks": 3}
    made = make(lost=MINUTE)
    made.turn(connection)
    assert publisher.published == lost

    publisher.backlogs = {"tasks": 2}
    made.turn(connection)
    assert publisher.published == lost, "it does not look again at once"
    made = make(lost=MINUTE)
    made.turn(connection)
    assert total(made, "republished") == 1


def test_nothing_is_published_again_where_that_is_turned_off(
    make: Callable[..., Relay], connection: Connection[Any], publisher: FakePublisher
) -> None:
    lose(connection)
    make(lost=timedelta(0)).turn(connection)

    assert publisher.published == []


def end(connection: Connection[Any], number: int, column: LiteralString = "completed_at") -> list[uuid.UUID]:
    """Write tasks that ended two minutes ago."""
    over = add(connection, number)
    query = SQL("UPDATE outbox.task SET {} = now() - interval '2 min' WHERE id = ANY (%s)").format(Identifier(column))
    connection.execute(query, (over,))
    return over


def test_what_is_long_over_is_deleted_with_its_setbacks(
    make: Callable[..., Relay], connection: Connection[Any]
) -> None:
    for identifier in [*end(connection, 2), *end(connection, 3, "dead_at")]:
        setbacks.mark_uncertain(connection, identifier)
    kept = add(connection)
    made = make(kept=MINUTE, kept_dead=MINUTE)
    assert not made.tidy(connection)

    assert total(made, "purged") == 5
    assert [row[0] for row in connection.execute("SELECT id FROM outbox.task")] == kept
    assert connection.execute("SELECT count(*) FROM outbox.setback").fetchone() == (0,)


def test_dead_letters_are_kept_for_good_where_that_is_wanted(
    make: Callable[..., Relay], connection: Connection[Any]
) -> None:
    end(connection, 1, "dead_at")
    make(kept=MINUTE, kept_dead=timedelta(0)).tidy(connection)

    assert census.counts(connection).dead == 1


def test_much_to_delete_does_not_hold_up_what_is_to_be_published(
    make: Callable[..., Relay], connection: Connection[Any], publisher: FakePublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "ROUND_LIMIT", 2)
    end(connection, 7)
    made = make(kept=MINUTE)
    for turn, left in enumerate((5, 3, 1, 0), 1):
        written = add(connection)
        assert made.turn(connection) is (left > 0), "it comes again at once while there is more"
        assert publisher.published[-1:] == written
        assert (census.counts(connection).done, len(publisher.published)) == (left, turn)


def test_a_task_whose_message_is_thrown_away_each_time_is_a_dead_letter_in_the_end(
    make: Callable[..., Relay], connection: Connection[Any]
) -> None:
    [lost] = lose(connection)
    connection.execute(
        "UPDATE outbox.task SET published_at = now() - interval '1 day', publications = %s", (store.MOST_PUBLICATIONS,)
    )
    make(lost=MINUTE).turn(connection)

    [(dead, error)] = connection.execute("SELECT id, error FROM outbox.task WHERE dead_at IS NOT NULL").fetchall()
    assert dead == lost
    assert error == "it was published 50 times, and no run of it ever came to an end"


def test_it_goes_on_when_the_broker_is_back(
    make: Callable[..., Relay],
    running: Callable[[Relay], None],
    connection: Connection[Any],
    publisher: FakePublisher,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(relay, "AWAY", 0.01)
    publisher.away = "connection refused"
    made = make()
    running(made)
    written = add(connection, 2)
    eventually(lambda: total(made, "failures") > 3)
    assert made.alive
    assert made.tally.problem == "rabbitmq: connection refused"
    publisher.away = ""
    eventually(lambda: publisher.published == written)
    eventually(lambda: made.tally.problem == "")

    assert caplog.text.count("tasks wait") == 1, "it says so once"


def test_it_goes_on_when_the_database_is_back(
    make: Callable[..., Relay],
    running: Callable[[Relay], None],
    connection: Connection[Any],
    publisher: FakePublisher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "AWAY", 0.01)
    made = make()
    running(made)
    first = add(connection)
    eventually(lambda: publisher.published == first)
    connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'relay'")
    eventually(lambda: total(made, "failures"))
    second = add(connection)
    eventually(lambda: publisher.published == first + second)


def test_it_hangs_when_its_loop_does_not_turn(make: Callable[..., Relay]) -> None:
    made = make()
    assert made.alive
    made.tally.turned -= relay.STALE
    assert not made.alive


def test_it_closes_its_connection_when_it_stops(
    make: Callable[..., Relay], stopping: threading.Event, publisher: FakePublisher
) -> None:
    stopping.set()
    make().run()

    assert publisher.closed
