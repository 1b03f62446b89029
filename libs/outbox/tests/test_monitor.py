from __future__ import annotations

import threading
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
from landfast_outbox import monitor, readiness, store
from landfast_outbox.databases import connect
from landfast_outbox.monitor import Watch
from landfast_outbox.publisher import Publisher
from landfast_outbox.relay import STALE, Relay
from landfast_outbox.settings import Periods
from landfast_outbox.tally import Meters, Tally
from landfast_outbox.task import NewTask
from landfast_runtime.connections import RabbitMQ
from landfast_testing.waiting import DEADLINE
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest
    from landfast_runtime.connections import Postgres
    from psycopg import Connection

NOWHERE = RabbitMQ("127.0.0.1", 1, "/", "nobody", "")


@contextmanager
def monitored(
    open_connection: Callable[[], Connection[Any]],
) -> Iterator[tuple[Relay, Callable[[str], tuple[int, str]]]]:
    """Yield an idle relay, and a function that requests its pages."""
    stopping = threading.Event()
    tally = Tally(Meters(), "shop")
    relay = Relay(open_connection, Publisher(NOWHERE, stopping), Periods(), stopping, tally)
    with monitor.serving([Watch(relay, open_connection)], tally.meters.registry, 0) as port:

        def get(path: str) -> tuple[int, str]:
            client = HTTPConnection("127.0.0.1", port, timeout=DEADLINE)
            client.request("GET", path)
            response = client.getresponse()
            answer = response.status, response.read().decode()
            client.close()
            return answer

        yield relay, get


def samples(text: str) -> dict[tuple[str, str], float]:
    """Parse the metrics as Prometheus does: each value by its name and its only label beside the database."""
    families = text_string_to_metric_families(text)
    return {
        (sample.name, "".join(value for name, value in sample.labels.items() if name != "database")): sample.value
        for family in families
        for sample in family.samples
    }


def test_it_tells_how_the_tasks_stand(postgres: Postgres, connection: Connection[Any]) -> None:
    ids = [uuid4() for _ in range(3)]
    with connection.cursor() as cursor:
        store.insert(cursor, [NewTask(id=each, name="add", queue="tasks", body="[[], {}, {}]") for each in ids])
    store.bury(connection, ids[0], "no such boat")
    with monitored(lambda: connect(postgres, "test")) as (relay, get):
        relay.tally.published.inc(7)
        for delay in (0.004, 0.03, 1000.0):
            relay.tally.delays.observe(delay)
        status, text = get("/metrics")
    found = samples(text)
    assert status == 200
    assert found["outbox_published_total", ""] == 7
    states = {label: value for (name, label), value in found.items() if name == "outbox_tasks"}
    assert states == {"pending": 2, "in_flight": 0, "done": 0, "dead": 1}
    assert found["outbox_database_up", ""] == 1
    assert 0 <= found["outbox_oldest_pending_seconds", ""] < timedelta(minutes=10).total_seconds()
    buckets = [found["outbox_publish_delay_seconds_bucket", bound] for bound in ("0.005", "0.05", "300.0", "+Inf")]
    assert buckets == [1, 2, 2, 3]
    assert found["outbox_publish_delay_seconds_count", ""] == 3


def test_it_tells_which_errors_tasks_wait_after(postgres: Postgres, connection: Connection[Any]) -> None:
    wrong = "SMTPAuthenticationError(535, b'wrong')"
    for error in (wrong, wrong, "TimeoutError()", None):
        identifier = uuid4()
        with connection.cursor() as cursor:
            store.insert(cursor, [NewTask(id=identifier, name="add", queue="tasks", body="[[], {}, {}]")])
        connection.execute("UPDATE outbox.task SET error = %s WHERE id = %s", (error, identifier))
    with monitored(lambda: connect(postgres, "test")) as (_, get):
        found = samples(get("/metrics")[1])
    kinds = {label: value for (name, label), value in found.items() if name == "outbox_retried_tasks"}
    assert kinds == {"SMTPAuthenticationError": 2, "TimeoutError": 1}
    assert readiness.check(postgres)()["retried_after_SMTPAuthenticationError"] == 2  # type: ignore[index]


def test_it_tells_that_the_broker_takes_nothing(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    with monitored(lambda: connect(postgres, "test")) as (relay, get):
        assert samples(get("/metrics")[1])["outbox_broker_blocked", ""] == 0
        monkeypatch.setattr(relay._publisher, "blocked", "low on disk")  # noqa: SLF001
        assert samples(get("/metrics")[1])["outbox_broker_blocked", ""] == 1


def test_it_says_so_when_the_database_is_away() -> None:
    def fail() -> Connection[Any]:
        raise psycopg.OperationalError("connection refused")

    with monitored(fail) as (_, get):
        found = samples(get("/metrics")[1])
    assert found["outbox_database_up", ""] == 0
    assert found["outbox_published_total", ""] == 0
    assert ("outbox_tasks", "pending") not in found


def test_it_is_healthy_while_the_loop_turns(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    with monitored(lambda: connect(postgres, "test")) as (relay, get):
        assert get("/healthz")[0] == 200
        monkeypatch.setattr(relay.tally, "turned", relay.tally.turned - STALE - 1)
        assert get("/healthz")[0] == 503
        assert get("/")[0] == 404
