"""The worker's and beat's health checks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self
from unittest.mock import MagicMock

import pytest
from amqp.exceptions import ConnectionForced, NotFound
from celery.beat import Scheduler
from celery.worker.request import Request
from kombu.message import Message as KombuMessage
from kombu.serialization import prepare_accept_content
from landfast_runtime import health as checks
from landfast_runtime.celery import create_celery
from landfast_runtime.connections import RabbitMQ
from landfast_runtime.health import Unavailable
from landfast_runtime.worker import activity, beat, consumption, dramatiq_health, health, lease, probe, scheduler
from landfast_runtime.worker.config import worker_settings
from landfast_testing.waiting import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from amqp import Message

WORK, PROBE = SimpleNamespace(internal=False), SimpleNamespace(internal=True)


@pytest.fixture(autouse=True)
def own_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "DIRECTORY", tmp_path / "activity")
    monkeypatch.setattr(probe, "MARK", tmp_path / "consumed")
    monkeypatch.setattr(consumption, "PATIENCE", 0.2)
    monkeypatch.setattr(beat, "MARK", tmp_path / "ticked")
    monkeypatch.setattr(scheduler, "MARK", tmp_path / "ticked")
    for name in ("WORKER_CONCURRENCY", "WORKER_GROWTH_MB", "SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
    activity.clear()


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RabbitMQ:
    """The broker in the environment; nothing listens there."""
    (tmp_path / "rabbitmq_password").write_text("only-for-tests-0123456789")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("RABBITMQ_USER", "shop")
    return RabbitMQ("rabbitmq", 5672, "landfast", "shop", "only-for-tests-0123456789")


def test_a_worker_that_runs_the_probe_is_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumption, "send_probe", lambda: bool(probe.MARK.write_text("now")))
    assert health.main() == 0


def test_a_probe_counts_that_ran_while_the_check_stood_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumption, "PATIENCE", -1.0)
    monkeypatch.setattr(consumption, "send_probe", lambda: bool(probe.MARK.write_text("now")))
    assert health.main() == 0


def test_a_worker_that_is_starting_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    activity.DIRECTORY.rmdir()
    monkeypatch.setattr(consumption, "send_probe", lambda: pytest.fail("it was asked"))
    assert health.main() == 1
    assert "starting" in capsys.readouterr().out


def test_a_worker_that_consumes_nothing_is_unhealthy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    probe.MARK.write_text("long ago")
    monkeypatch.setattr(consumption, "send_probe", lambda: True)
    assert health.main() == 1
    assert "not consumed within 0.2 s, though 2 of 2 processes are idle" in capsys.readouterr().out


def test_a_worker_that_does_not_listen_yet_is_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(consumption, "send_probe", lambda: False)
    monkeypatch.setattr(consumption, "wait_for_mark", lambda _: pytest.fail("it waited"))
    assert health.main() == 1
    assert "no worker consumes" in capsys.readouterr().out


@pytest.mark.parametrize("error", [OSError("connection refused"), ConnectionForced("connection refused")])
def test_a_worker_without_a_broker_is_unhealthy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    def refuse() -> bool:
        raise error

    monkeypatch.setattr(consumption, "send_probe", refuse)
    assert health.main() == 1
    printed = capsys.readouterr().out
    assert printed.startswith("RabbitMQ does not accept a probe: ")
    assert "connection refused" in printed


def test_a_worker_with_all_processes_at_work_is_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumption, "send_probe", lambda: False)
    for pid in (os.getpid(), os.getppid()):
        (activity.DIRECTORY / str(pid)).write_bytes(activity.BUSY)
    assert health.main() == 0


def test_a_process_that_died_or_hangs_does_not_count_as_at_work() -> None:
    (activity.DIRECTORY / "99999999").write_bytes(activity.BUSY)
    hanging = activity.DIRECTORY / str(os.getpid())
    hanging.write_bytes(activity.BUSY)
    os.utime(hanging, (time.time() - 100, time.time() - 100))
    assert activity.busy(longest=50) == 0
    assert activity.busy(longest=200) == 1


def test_probes_do_not_count_as_work() -> None:
    activity.occupy(PROBE)
    assert activity.busy(longest=60) == 0
    activity.occupy(WORK)
    assert activity.busy(longest=60) == 1
    activity.release(WORK)
    assert activity.busy(longest=60) == 0


def test_threads_count_one_by_one() -> None:
    activity.occupy(WORK)
    working, over = threading.Event(), threading.Event()

    def work() -> None:
        activity.occupy(WORK)
        working.set()
        over.wait(DEADLINE)

    thread = threading.Thread(target=work)
    thread.start()
    assert working.wait(DEADLINE)
    assert activity.busy(longest=60) == 2
    over.set()
    thread.join()
    assert activity.busy(longest=60) == 1, "a thread that is gone counts no more"


def test_beat_is_healthy_while_it_ticks() -> None:
    assert beat.main() == 1
    beat.MARK.touch()
    assert beat.main() == 0
    os.utime(beat.MARK, (time.time() - beat.STALE - 1,) * 2)
    assert beat.main() == 1


def test_beat_marks_every_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scheduler, "tick", lambda *_: 4.5)
    assert beat.main() == 1

    assert scheduler.TickingScheduler(app=create_celery("shop")).tick() == 4.5

    assert beat.main() == 0


def test_beat_takes_its_timetable_from_the_code() -> None:
    app = create_celery("shop")
    app.conf.beat_schedule = {"sign of life": {"task": "shop.live", "schedule": 60}}

    made = scheduler.TickingScheduler(app=app)

    assert made.schedule["sign of life"].task == "shop.live"


class FakeLease:
    """A lease that the test gives and takes."""

    def __init__(self) -> None:
        self.free = False
        self.sends: list[str] = []

    def held(self) -> bool:
        return self.free

    @contextmanager
    def sending(self) -> Iterator[None]:
        self.sends.append("begun")
        yield
        self.sends.append("committed")

    def release(self) -> None:
        self.free = False


@pytest.fixture
def beat_s_lease(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeLease]:
    """The lease of the beats that the test makes."""
    made = FakeLease()
    monkeypatch.setattr(lease, "_makers", [lambda name, _: made if name == "shop-beat/shop" else None])
    monkeypatch.setenv("SERVICE_NAME", "shop-beat")
    worker_settings.cache_clear()
    yield made
    worker_settings.cache_clear()


def test_beat_sends_only_while_it_holds_its_lease_and_stays_healthy(
    beat_s_lease: FakeLease, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = MagicMock()
    monkeypatch.setattr(Scheduler, "apply_async", sent)
    monkeypatch.setattr(Scheduler, "producer", None)
    app = create_celery("shop")
    app.conf.beat_schedule = {"sign of life": {"task": "shop.live", "schedule": 0}}
    made = scheduler.TickingScheduler(app=app)

    assert made.tick() == scheduler.RETRY
    sent.assert_not_called()
    assert beat.main() == 0

    beat_s_lease.free = True
    assert made.tick() == 0
    sent.assert_called_once()
    assert beat_s_lease.sends == ["begun", "committed"]

    made.close()
    assert not beat_s_lease.free, "another one may have it at once"


def test_a_beat_that_takes_over_begins_its_intervals_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    app = create_celery("shop")
    app.conf.beat_schedule = {"sign of life": {"task": "shop.live", "schedule": 60}}
    made = scheduler.TickingScheduler(app=app)
    monkeypatch.setattr(Scheduler, "producer", None)
    entry = made.schedule["sign of life"]
    assert entry.last_run_at
    entry.last_run_at -= timedelta(hours=1)

    made.taken(another=False)
    assert made.schedule["sign of life"].is_due()[0], "nobody has sent it meanwhile"
    made.taken(another=True)
    assert not made.schedule["sign of life"].is_due()[0], "the other one may have sent it"


def test_a_beat_without_a_database_says_once_that_it_has_no_lease(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(lease, "_makers", [])
    monkeypatch.setattr(Scheduler, "tick", lambda *_: 4.5)
    made = scheduler.TickingScheduler(app=create_celery("shop"))

    assert [made.tick(), made.tick()] == [4.5, 4.5]
    assert ["no lease" in record.message for record in caplog.records] == [True]


def test_a_probe_leaves_its_mark() -> None:
    app = create_celery("shop")
    probe.declare(app)

    app.tasks[probe.NAME]()

    assert probe.MARK.exists()


class FakeBroker:
    """A RabbitMQ with or without the probes' queue, which records published messages.

    Args:
        consumers: the queue's number of consumers; None without a queue.
    """

    def __init__(self, consumers: int | None) -> None:
        self.consumers = consumers
        self.asked: dict[str, Any] = {}
        self.queues: list[str] = []
        self.published: list[tuple[Message, dict[str, Any]]] = []

    def __call__(self, address: str, **options: Any) -> Self:  # noqa: ANN401
        self.asked = {"address": address, **options}
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def channel(self) -> Self:
        return self

    def queue_declare(self, name: str, *, passive: bool) -> SimpleNamespace:
        assert passive, "only the worker makes its queue"
        self.queues.append(name)
        if self.consumers is None:
            raise NotFound
        return SimpleNamespace(consumer_count=self.consumers)

    def basic_publish(self, message: Message, **options: Any) -> None:  # noqa: ANN401
        self.published.append((message, options))


@pytest.mark.parametrize("consumers", [None, 0, 1])
def test_a_probe_goes_to_this_worker_s_queue_alone_once_it_is_consumed(
    monkeypatch: pytest.MonkeyPatch, broker: RabbitMQ, consumers: int | None
) -> None:
    fake = FakeBroker(consumers)
    monkeypatch.setattr("landfast_runtime.broker.Connection", fake)

    assert consumption.send_probe() is bool(consumers)

    assert (fake.asked["address"], fake.asked["userid"]) == ("rabbitmq:5672", broker.user)
    assert fake.asked["confirm_publish"]
    name = f"probe.{socket.gethostname()}"
    assert fake.queues == [name]
    assert [(each["exchange"], each["routing_key"]) for _, each in fake.published] == [("probe", name)] * bool(
        consumers
    )


def test_a_probe_is_a_task_that_celery_runs() -> None:
    app = create_celery("shop")
    probe.declare(app)
    sent = consumption.message()
    assert isinstance(sent.body, str)
    properties = {name: value for name, value in sent.properties.items() if name != "application_headers"}
    received = KombuMessage(
        sent.body,
        headers=sent.properties["application_headers"],
        content_type=properties["content_type"],
        content_encoding=properties["content_encoding"],
        properties=properties,
        accept=prepare_accept_content(app.conf.accept_content),
    )

    request = Request(received, app=app)

    assert (request.name, request.args, request.kwargs, request.ignore_result) == (probe.NAME, [], {}, True)
    assert 0 < request.expires.timestamp() - time.time() <= probe.EXPIRES
    app.tasks[request.name].apply(request.args, request.kwargs)
    assert probe.MARK.exists()


def test_a_check_starts_without_celery() -> None:
    script = "import sys, landfast_runtime.worker.consumption; print({'celery', 'kombu'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    assert printed == "set()\n"


@pytest.mark.usefixtures("broker")
def test_dramatiq_s_worker_is_healthy_while_its_queue_is_consumed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def nobody() -> None:
        raise Unavailable("no worker consumes the queue 'shop-dramatiq'")

    monkeypatch.setattr(checks, "consumers", lambda _broker, queue: {"shop-dramatiq": nobody}.get(queue, lambda: None))

    assert dramatiq_health.main("shop") == 0
    assert dramatiq_health.main("shop-dramatiq") == 1
    assert "no worker consumes" in capsys.readouterr().out
