"""The relay service: health, metrics, a relay for each database, and the stop."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import psycopg
import pytest
from landfast_outbox import monitor, relay, relays, store
from landfast_outbox.databases import connect
from landfast_outbox.monitor import Watch
from landfast_outbox.relay import Relay
from landfast_outbox.settings import FILE, QUEUES, Periods, Settings
from landfast_outbox.store import census
from landfast_outbox.tally import Meters, Tally
from landfast_runtime.env import ConfigError, Env
from landfast_testing.waiting import DEADLINE

from tests.relaying import FakePublisher, add, count, eventually, total

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from landfast_outbox.publisher import Publisher
    from landfast_runtime.connections import Postgres
    from psycopg import Connection


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
    """Return the metrics of Prometheus's text format, without the label that all have."""
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
    (tmp_path / QUEUES).write_text('{"web.mail": "web"}')
    variables = {"SECRETS_DIR": str(tmp_path), "POSTGRES_USER": "relay", "RABBITMQ_USER": "relay"}

    routes = Settings.from_env(Env(variables)).routes

    assert [(route.postgres.database, route.broker.vhost) for route in routes] == [
        ("landfast", "landfast"),
        ("shop", "market"),
    ]
    assert {(route.postgres.user, route.broker.user) for route in routes} == {("relay", "relay")}
    assert [route.elsewhere for route in routes] == [{"web.mail": "web"}, {}]
    publishers = relays.publishers(routes[0], threading.Event())
    assert publishers.vhosts == {"landfast", "web"}


@pytest.mark.parametrize("content", ["{", "[]", '{"shop": 5}'])
@pytest.mark.parametrize(("file", "kind"), [(FILE, "databases"), (QUEUES, "queues")])
def test_a_derived_file_of_another_shape_is_refused_by_name(tmp_path: Path, file: str, kind: str, content: str) -> None:
    for name in ("postgres_password", "rabbitmq_password"):
        (tmp_path / name).write_text("only-for-tests-0123456789")
    for name in (FILE, QUEUES):
        (tmp_path / name).write_text(content if name == file else "{}")
    variables = {"SECRETS_DIR": str(tmp_path), "POSTGRES_USER": "relay", "RABBITMQ_USER": "relay"}

    with pytest.raises(ConfigError, match=rf"{kind}\.json: must be JSON: {kind} with their vhosts"):
        Settings.from_env(Env(variables))


def unchanged() -> bool:
    """Report that the contracts have not changed."""
    return False


def test_relays_run_side_by_side_and_each_publishes_its_own(
    make: Callable[..., Relay], connection: Connection[Any], stopping: threading.Event, publisher: FakePublisher
) -> None:
    """A relay whose database is away does not hold up others."""

    def refuse() -> Connection[Any]:
        raise psycopg.OperationalError("connection refused")

    away = Relay(refuse, cast("Publisher", FakePublisher()), Periods(), stopping, Tally(Meters(), "away"))
    written = add(connection)
    both = threading.Thread(target=relays.run, args=([away, make()], stopping, unchanged))
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
        relays.run([make(), faulty], stopping, unchanged)

    assert publisher.closed


def test_a_fault_of_the_look_at_the_contracts_ends_all(
    make: Callable[..., Relay], stopping: threading.Event, publisher: FakePublisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> bool:
        raise OSError("a fault of the disk")

    monkeypatch.setattr(relays, "INTERVAL", 0.01)
    raised: list[str] = []

    def run() -> None:
        with pytest.raises(OSError, match="a fault of the disk") as caught:
            relays.run([make()], stopping, fail)
        raised.append(str(caught.value))

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(DEADLINE)
    ended = not thread.is_alive()
    stopping.set()
    thread.join(DEADLINE)

    assert (ended, raised, publisher.closed) == (True, ["a fault of the disk"], True)


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


@pytest.mark.parametrize("why", ["SIGTERM", "contracts"])
def test_the_service_runs_until_it_is_told_to_stop_and_begins_again_when_the_contracts_change(
    postgres: Postgres, connection: Connection[Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, why: str
) -> None:
    for name in ("postgres_password", "rabbitmq_password"):
        (tmp_path / name).write_text("only-for-tests-0123456789")
    for name in (FILE, QUEUES):
        (tmp_path / name).write_text("{}")
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
    monkeypatch.setattr(relays, "METRICS_PORT", 0)
    monkeypatch.setattr(relays, "INTERVAL", 0.01)
    begun: list[object] = []
    monkeypatch.setattr(os, "execv", lambda *command: begun.append(command))
    monkeypatch.setattr(relay, "AWAY", 0.01)
    add(connection)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}

    def stop() -> None:
        try:
            eventually(lambda: count(connection, "application_name = 'relay'"))
        finally:
            if why == "SIGTERM":
                os.kill(os.getpid(), signal.SIGTERM)
            (tmp_path / FILE).write_text('{"shop": "market"}')

    thread = threading.Thread(target=stop)
    thread.start()
    try:
        relays.main()
    finally:
        thread.join()
        for number, handler in before.items():
            signal.signal(number, handler)

    assert begun == ([] if why == "SIGTERM" else [(sys.executable, sys.orig_argv)])
    assert census.counts(connection).pending == 1, "without a broker it stays where it is safe"


def test_the_program_s_former_name_ends_with_an_error_that_names_the_new_one() -> None:
    command = [sys.executable, "-m", "landfast_outbox.relay"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)

    assert result.returncode == 1
    assert "run `python -m landfast_outbox.relays`" in result.stderr
