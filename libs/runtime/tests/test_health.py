from __future__ import annotations

import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Self

import pytest
from landfast_runtime import health
from landfast_runtime.connections import Postgres, RabbitMQ, Redis
from landfast_testing.waiting import DEADLINE, PATIENCE

from tests.servers import answering, unused_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PASSWORD = "not-a-real-password"


def serve() -> None:
    """A check of a dependency that serves."""


def refuse() -> None:
    """A check of a dependency that does not serve."""
    raise ConnectionRefusedError("nobody listens\nand a long explanation")


@pytest.fixture
def never() -> Iterator[Callable[[], None]]:
    """A check that returns only when the test is over."""
    over = threading.Event()

    def wait() -> None:
        over.wait(2 * DEADLINE)

    yield wait
    over.set()


def test_a_report_is_ready_when_every_check_passes() -> None:
    report = health.run({"one": serve, "two": serve})

    assert report.ready
    assert report.failing == []
    document = report.as_dict()
    assert (document["status"], document["failing"]) == ("ready", [])
    assert document["dependencies"]["one"]["ok"] is True
    assert "problem" not in document["dependencies"]["one"]


def test_a_report_with_a_warning_is_ready_and_names_who_wants_a_person() -> None:
    def impaired() -> None:
        raise health.Impaired("a lane stands still", {"waiting": 9})

    report = health.run({"one": serve, "two": impaired})

    assert report.ready
    document = report.as_dict()
    assert (document["status"], document["failing"], document["warnings"]) == ("ready", [], ["two"])
    entry = document["dependencies"]["two"]
    assert (entry["ok"], entry["warning"], entry["waiting"]) == (True, "a lane stands still", 9)


def test_a_report_tells_what_a_check_found_whether_it_passed_or_not() -> None:
    def full() -> health.Details:
        raise health.Unavailable("too many wait", {"waiting": 9})

    document = health.run({"one": lambda: {"waiting": 2}, "two": full}).as_dict()

    assert document["dependencies"]["one"]["waiting"] == 2
    assert document["dependencies"]["two"]["waiting"] == 9
    assert document["failing"] == ["two"]


def test_http_is_up_when_it_answers_with_success() -> None:
    with answering(b"HTTP/1.0 200 OK\r\n\r\nok\n") as server:
        health.http("127.0.0.1", server.port, "/healthz")()
    assert server.heard.startswith(b"GET /healthz HTTP/1.1\r\n")


def test_http_is_down_when_it_answers_with_an_error() -> None:
    with (
        answering(b"HTTP/1.0 503 No\r\n\r\nit hangs\n") as server,
        pytest.raises(health.Unavailable, match="/healthz answered 503: it hangs"),
    ):
        health.http("127.0.0.1", server.port, "/healthz")()


@pytest.mark.parametrize("redirects", [False, True])
def test_http_that_sends_visitors_on_is_up_where_that_will_do(redirects: bool) -> None:  # noqa: FBT001 - a column of the table
    with answering(b"HTTP/1.0 302 Found\r\nLocation: /login/\r\n\r\n") as server:
        report = health.run({"page": health.http("127.0.0.1", server.port, "/", redirects=redirects)})

    assert report.ready is redirects


def test_a_finding_through_a_server_is_no_failure_of_that_server() -> None:
    with pytest.raises(health.Unavailable, match=r"^too many wait$"), health.asked_through("Nginx"):
        raise health.Unavailable("too many wait")


def test_a_report_names_what_fails_and_why() -> None:
    report = health.run({"one": refuse, "two": serve, "three": refuse})

    assert not report.ready
    document = report.as_dict()
    assert (document["status"], document["failing"]) == ("unavailable", ["one", "three"])
    assert document["dependencies"]["one"]["ok"] is False
    assert document["dependencies"]["one"]["problem"] == "ConnectionRefusedError: nobody listens"
    assert document["dependencies"]["two"]["ok"] is True


def test_an_error_that_says_nothing_is_named() -> None:
    def fail() -> None:
        raise TimeoutError

    assert health.run({"one": fail}).results["one"].problem == "TimeoutError"


def test_checks_run_side_by_side() -> None:
    together = threading.Barrier(3, timeout=DEADLINE)

    def meet() -> None:
        together.wait()

    assert health.run({"one": meet, "two": meet, "three": meet}, timeout=DEADLINE).ready


def test_a_check_that_hangs_fails_at_the_deadline_and_holds_up_no_other(never: Callable[[], None]) -> None:
    started = time.monotonic()
    report = health.run({"slow": never, "fast": serve}, timeout=PATIENCE)  # the fast one, too, has no more

    assert PATIENCE <= time.monotonic() - started < DEADLINE
    assert report.failing == ["slow"]
    assert report.results["slow"].problem == f"no answer within {PATIENCE:g} s"
    assert report.results["slow"].milliseconds >= 1000 * PATIENCE


def test_no_checks_are_no_problem() -> None:
    assert health.run({}).ready


@pytest.mark.parametrize(
    "check",
    [
        lambda port: health.postgres(Postgres("127.0.0.1", port, "landfast", "web", PASSWORD)),
        lambda port: health.redis(Redis("127.0.0.1", port, "web", PASSWORD)),
        lambda port: health.rabbitmq(RabbitMQ("127.0.0.1", port, "landfast", "web", PASSWORD)),
        lambda port: health.consumers(RabbitMQ("127.0.0.1", port, "landfast", "web", PASSWORD)),
        lambda port: health.http("127.0.0.1", port, "/healthz"),
    ],
    ids=["postgres", "redis", "rabbitmq", "consumers", "http"],
)
def test_a_service_that_is_not_there_fails_its_check(check: Callable[[int], health.Check]) -> None:
    problem = health.run({"service": check(unused_port())}).results["service"].problem

    assert problem is not None
    assert "refused" in problem
    assert PASSWORD not in problem


def test_a_worker_is_not_blamed_for_a_broker_that_is_not_there() -> None:
    settings = RabbitMQ("127.0.0.1", unused_port(), "landfast", "web", PASSWORD)
    problem = health.run({"worker": health.consumers(settings)}).results["worker"].problem or ""

    assert problem.startswith("Unavailable: cannot be checked, RabbitMQ fails: ConnectionRefusedError")


@pytest.mark.parametrize(("consumers", "ready"), [(0, False), (1, True)])
def test_a_queue_must_have_a_consumer(monkeypatch: pytest.MonkeyPatch, consumers: int, ready: bool) -> None:  # noqa: FBT001
    class Connection:
        def __init__(self, *_: object, **__: object) -> None: ...
        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None: ...
        def channel(self) -> SimpleNamespace:
            return SimpleNamespace(queue_declare=lambda *_, **__: SimpleNamespace(consumer_count=consumers))

    monkeypatch.setattr("landfast_runtime.broker.Connection", Connection)
    report = health.run({"worker": health.consumers(RabbitMQ("rabbitmq", 5672, "landfast", "web", PASSWORD))})

    assert report.ready is ready
    assert ready or report.results["worker"].problem == "Unavailable: no worker consumes the queue 'tasks'"


class Broker:
    """A connection to a RabbitMQ that confirms messages, or has an alarm on."""

    def __init__(self, alarm: str, on_blocked: Callable[[str], None]) -> None:
        self.alarm, self.on_blocked = alarm, on_blocked
        self.events: dict[str, set[Callable[[int, bool], None]]] = {"basic_ack": set()}
        self.published: list[str] = []
        self.collected = False
        self.connection = self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.collected or not self.alarm, "a broker with an alarm on reads no goodbye"

    def channel(self) -> Self:
        return self

    def confirm_select(self) -> None: ...

    def basic_publish(self, _message: object, exchange: str) -> None:
        self.published.append(exchange)

    def drain_events(self, timeout: float) -> None:
        assert timeout == health.CHECK_TIMEOUT
        if self.alarm:
            self.on_blocked(self.alarm)
        else:
            for heard in self.events["basic_ack"]:
                heard(len(self.published), False)  # noqa: FBT003 - the protocol's own argument

    def collect(self) -> None:
        self.collected = True


@pytest.mark.parametrize(
    ("alarm", "problem"),
    [
        ("", None),
        ("low on disk", "Unavailable: its disk is full: it accepts no messages (low on disk)"),
        ("low on memory", "Unavailable: its memory is full: it accepts no messages (low on memory)"),
        ("something new", "Unavailable: an alarm is on: it accepts no messages (something new)"),
    ],
)
def test_a_broker_with_an_alarm_on_is_not_ready(
    monkeypatch: pytest.MonkeyPatch, alarm: str, problem: str | None
) -> None:
    opened: list[Broker] = []

    def connect(*_: object, on_blocked: Callable[[str], None], **__: object) -> Broker:
        opened.append(Broker(alarm, on_blocked))
        return opened[-1]

    monkeypatch.setattr("landfast_runtime.broker.Connection", connect)
    report = health.run({"rabbitmq": health.rabbitmq(RabbitMQ("rabbitmq", 5672, "landfast", "web", PASSWORD))})

    assert report.results["rabbitmq"].problem == problem
    assert opened[0].published == ["health"], "an exchange without a queue: the message reaches nobody"


@pytest.mark.parametrize(
    ("free", "size", "full"),
    [(0, 20_000, True), (255, 20_000, True), (257, 20_000, False), (20, 320, False), (15, 320, True)],
)
def test_a_disk_is_full_a_little_before_writes_fail(free: int, size: int, full: bool) -> None:  # noqa: FBT001
    report = health.run({"postgres": lambda: health.judge_disk(free << 20, size << 20)})

    entry = report.as_dict()["dependencies"]["postgres"]
    assert (entry["disk_free_mb"], entry["disk_size_mb"]) == (free, size)
    assert entry.get("problem") == (f"Unavailable: its disk is full: {free} MB of {size} MB are free" if full else None)


def test_a_refused_write_names_the_disk() -> None:
    def refuse() -> None:
        raise OSError(28, "No space left on device")

    problem = health.run({"redis": refuse}).results["redis"].problem
    assert problem == "its disk is full: OSError: [Errno 28] No space left on device"
