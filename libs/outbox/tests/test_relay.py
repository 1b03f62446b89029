"""The relay: publishes what is committed, again what came to nothing, and tidies up."""

from __future__ import annotations

import os
import re
import signal
import threading
import urllib.error
import urllib.request
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from operator import eq
from typing import TYPE_CHECKING, Any, LiteralString, cast

import psycopg
import pytest
from landfast_outbox import monitor, relay, store
from landfast_outbox.databases import connect
from landfast_outbox.monitor import Watch
from landfast_outbox.publisher import BrokerError, Outcome, Publisher
from landfast_outbox.relay import Relay
from landfast_outbox.settings import FILE, Periods, Settings
from landfast_outbox.store import census, setbacks
from landfast_outbox.tally import Meters, Tally
from landfast_outbox.task import NewTask
from landfast_runtime.env import ConfigError, Env
from landfast_testing.waiting import DEADLINE, wait_until
from psycopg.sql import SQL, Identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from landfast_runtime.connections import Postgres
    from psycopg import Connection

MINUTE = timedelta(minutes=1)


@dataclass
class FakePublisher:
    """Takes what is published, or does with it what the test wants."""

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


@pytest.fixture
def publisher() -> FakePublisher:
    return FakePublisher()


@pytest.fixture
def stopping() -> threading.Event:
    return threading.Event()


@pytest.fixture
def make(postgres: Postgres, publisher: FakePublisher, stopping: threading.Event) -> Callable[..., Relay]:
    """Return a function that makes a relay."""

    def make(**periods: timedelta) -> Relay:
        taken = cast("Publisher", publisher)
        tally = Tally(Meters(), "shop")
        return Relay(partial(connect, postgres, "relay"), taken, Periods(**periods), stopping, tally)

    return make


def add(connection: Connection[Any], number: int = 1, **options: Any) -> list[uuid.UUID]:  # noqa: ANN401 - NewTask's
    values = {"name": "tests.add", "queue": "tasks", "body": "[]", **options}
    tasks = [NewTask(id=uuid.uuid4(), **values) for _ in range(number)]
    with connection.transaction(), connection.cursor() as cursor:
        store.insert(cursor, tasks)
    return [task.id for task in tasks]


def total(made: Relay, name: str) -> float:
    """Return what a relay has counted."""
    labels = {"database": made.tally.database}
    return made.tally.meters.registry.get_sample_value(f"outbox_{name}_total", labels) or 0.0


def eventually(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    wait_until(condition, "the relay did not come to it")


def count(connection: Connection[Any], condition: LiteralString) -> int:
    """Return how many connections of others there are of a kind."""
    query = SQL("SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND {}").format(SQL(condition))
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


@pytest.fixture
def running(stopping: threading.Event, connection: Connection[Any]) -> Iterator[Callable[[Relay], None]]:
    """Return a function that lets a relay run until the end of the test."""
    threads: list[threading.Thread] = []

    def run(relay: Relay) -> None:
        threads.append(threading.Thread(target=relay.run))
        threads[-1].start()

    yield run
    stopping.set()
    connection.execute("NOTIFY outbox")
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()


def test_what_is_committed_is_published_at_once(
    make: Callable[..., Relay],
    running: Callable[[Relay], None],
    connection: Connection[Any],
    publisher: FakePublisher,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "IDLE", 3 * DEADLINE)  # a note wakes it, or nothing does
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
    running(make())
    eventually(lambda: count(connection, "query LIKE '%until_due%'"))
    add(connection, relay.CROWD)
    eventually(lambda: count(connection, "query = 'UNLISTEN outbox'"))
    add(connection, relay.CROWD)
    eventually(lambda: len(publisher.published) == 2 * relay.CROWD)
    eventually(lambda: count(connection, "query LIKE '%until_due%'"))  # it rests, and listens again
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

    assert publisher.published == now + later


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
    """Write tasks that were published two minutes ago and never heard of again."""
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
    """Write tasks that were over two minutes ago."""
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


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=DEADLINE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def serving(made: Relay, connect: Callable[[], Connection[Any]]) -> AbstractContextManager[int]:
    return monitor.serving([Watch(made, connect)], made.tally.meters.registry, 0)


def figures(text: str) -> dict[str, float]:
    """Return the metrics of Prometheus's text, without the label that all have."""
    return {
        re.sub('database="shop",?', "", name).replace("{}", ""): float(value)
        for name, value in (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    }


def test_metrics_say_how_things_stand(
    make: Callable[..., Relay], postgres: Postgres, connection: Connection[Any]
) -> None:
    done, dead, _in_flight = add(connection, 3)
    made = make()
    made.turn(connection)
    store.complete(connection, done)
    store.bury(connection, dead, "why")
    add(connection, 2, due_at=None)
    connection.execute("UPDATE outbox.task SET due_at = now() - interval '90 s' WHERE published_at IS NULL")
    with serving(made, partial(connect, postgres, "metrics")) as port:
        status, text = get(port, "/metrics")

    found = figures(text)
    assert status == 200
    states = ("pending", "in_flight", "done", "dead")
    assert {state: found[f'outbox_tasks{{state="{state}"}}'] for state in states} == {
        "pending": 2,
        "in_flight": 1,
        "done": 1,
        "dead": 1,
    }
    assert 90 <= found["outbox_oldest_pending_seconds"] < 180
    assert (found["outbox_database_up"], found["outbox_published_total"]) == (1, 3)
    assert {"outbox_refused_total", "outbox_republished_total", "outbox_purged_total", "outbox_failures_total"} < set(
        found
    )


def test_metrics_say_that_the_database_is_away(make: Callable[..., Relay]) -> None:
    def refuse() -> Connection[Any]:
        raise psycopg.OperationalError("refused")

    with serving(make(), refuse) as port:
        status, text = get(port, "/metrics")

    assert status == 200
    assert figures(text)["outbox_database_up"] == 0
    assert "outbox_tasks{" not in text


def test_health_is_that_the_loop_turns(make: Callable[..., Relay], postgres: Postgres) -> None:
    made = make()
    with serving(made, partial(connect, postgres, "metrics")) as port:
        assert get(port, "/healthz") == (200, "ok\n")
        made.tally.turned -= relay.STALE
        assert get(port, "/healthz") == (503, "it hangs\n")
        assert get(port, "/")[0] == 404


def test_each_database_s_tasks_go_to_its_own_vhost(tmp_path: Path) -> None:
    for name in ("postgres_password", "rabbitmq_password"):
        (tmp_path / name).write_text("only-for-tests-0123456789")
    (tmp_path / FILE).write_text('{"shop": "market"}')
    variables = {"SECRETS_DIR": str(tmp_path), "POSTGRES_USER": "relay", "RABBITMQ_USER": "relay"}

    routes = Settings.from_env(Env(variables)).routes

    assert [(route.postgres.database, route.broker.vhost) for route in routes] == [
        ("landfast", "landfast"),
        ("shop", "market"),
    ]
    assert {(route.postgres.user, route.broker.user) for route in routes} == {("relay", "relay")}


@pytest.mark.parametrize("content", ["{", "[]", '{"shop": 5}'])
def test_a_list_of_databases_of_another_shape_is_refused_by_name(tmp_path: Path, content: str) -> None:
    for name in ("postgres_password", "rabbitmq_password"):
        (tmp_path / name).write_text("only-for-tests-0123456789")
    (tmp_path / FILE).write_text(content)
    variables = {"SECRETS_DIR": str(tmp_path), "POSTGRES_USER": "relay", "RABBITMQ_USER": "relay"}

    with pytest.raises(ConfigError, match=r"databases\.json: must be JSON: databases with their vhosts"):
        Settings.from_env(Env(variables))


def test_relays_run_side_by_side_and_each_publishes_its_own(
    make: Callable[..., Relay], connection: Connection[Any], stopping: threading.Event, publisher: FakePublisher
) -> None:
    """The one whose database is away holds up no other."""

    def refuse() -> Connection[Any]:
        raise psycopg.OperationalError("connection refused")

    away = Relay(refuse, cast("Publisher", FakePublisher()), Periods(), stopping, Tally(Meters(), "away"))
    written = add(connection)
    both = threading.Thread(target=relay.run, args=([away, make()], stopping))
    both.start()
    try:
        eventually(lambda: publisher.published == written)
        assert total(away, "failures") >= 1
    finally:
        stopping.set()
        both.join(DEADLINE)
    assert not both.is_alive()


def test_a_fault_of_one_relay_ends_all(
    make: Callable[..., Relay], stopping: threading.Event, publisher: FakePublisher
) -> None:
    def fail() -> Connection[Any]:
        raise RuntimeError("a fault of the program")

    faulty = Relay(fail, cast("Publisher", FakePublisher()), Periods(), stopping, Tally(Meters(), "faulty"))
    with pytest.raises(RuntimeError, match="a fault of the program"):
        relay.run([make(), faulty], stopping)

    assert publisher.closed


def test_health_and_metrics_are_those_of_all_relays(postgres: Postgres, connection: Connection[Any]) -> None:
    def refuse() -> Connection[Any]:
        raise psycopg.OperationalError("refused")

    add(connection)
    meters, stopping = Meters(), threading.Event()
    made = [
        Relay(refuse, cast("Publisher", FakePublisher()), Periods(), stopping, Tally(meters, name))
        for name in ("shop", "away")
    ]
    watches = [Watch(made[0], partial(connect, postgres, "metrics")), Watch(made[1], refuse)]
    made[1].tally.published.inc(5)
    with monitor.serving(watches, meters.registry, 0) as port:
        text = get(port, "/metrics")[1]
        assert get(port, "/healthz")[0] == 200
        made[1].tally.turned -= relay.STALE
        assert get(port, "/healthz")[0] == 503

    found = figures(text)
    assert found['outbox_tasks{state="pending"}'] == 1
    assert (found["outbox_database_up"], found['outbox_database_up{database="away"}']) == (1, 0)
    assert (found["outbox_published_total"], found['outbox_published_total{database="away"}']) == (0, 5)


def test_the_service_runs_until_it_is_told_to_stop(
    postgres: Postgres, connection: Connection[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("postgres_password", "rabbitmq_password"):
        (tmp_path / name).write_text("only-for-tests-0123456789")
    (tmp_path / FILE).write_text("{}")
    for name, value in (
        ("SECRETS_DIR", str(tmp_path)),
        ("POSTGRES_HOST", postgres.host),
        ("POSTGRES_DB", postgres.database),
        ("POSTGRES_USER", postgres.user),
        ("RABBITMQ_HOST", "127.0.0.1"),
        ("RABBITMQ_PORT", "1"),
        ("RABBITMQ_USER", "relay"),
        ("OUTBOX_KEEP_DONE", "0"),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("logging.config.dictConfig", lambda _: None)
    monkeypatch.setattr(relay, "METRICS_PORT", 0)
    monkeypatch.setattr(relay, "AWAY", 0.01)
    add(connection)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop() -> None:
        try:
            eventually(lambda: count(connection, "application_name = 'relay'"))
        finally:
            os.kill(os.getpid(), signal.SIGTERM)

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        relay.main()
    finally:
        thread.join()
        for number, handler in before.items():
            signal.signal(number, handler)

    assert census.counts(connection).pending == 1, "without a broker it stays where it is safe"
