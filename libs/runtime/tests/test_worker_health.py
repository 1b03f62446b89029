"""The worker's and beat's proofs of health."""

from __future__ import annotations

import os
import socket
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from celery.beat import Scheduler
from kombu import Connection
from kombu.exceptions import OperationalError
from landfast_runtime import health as checks
from landfast_runtime.celery import create_celery
from landfast_runtime.connections import RabbitMQ
from landfast_runtime.health import Unavailable
from landfast_runtime.worker import beat, consumption, dramatiq_health, health, probe, scheduler, slots
from landfast_testing.waiting import DEADLINE

if TYPE_CHECKING:
    from pathlib import Path

    from celery import Celery

WORK, PROBE = SimpleNamespace(internal=False), SimpleNamespace(internal=True)


@pytest.fixture(autouse=True)
def own_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slots, "DIRECTORY", tmp_path / "slots")
    monkeypatch.setattr(probe, "MARK", tmp_path / "consumed")
    monkeypatch.setattr(consumption, "PATIENCE", 0.2)
    monkeypatch.setattr(beat, "MARK", tmp_path / "ticked")
    monkeypatch.setattr(scheduler, "MARK", tmp_path / "ticked")
    for name in ("WORKER_CONCURRENCY", "WORKER_GROWTH_MB", "SERVICE_NAME"):
        monkeypatch.delenv(name, raising=False)
    slots.clear()


@pytest.fixture
def broker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RabbitMQ:
    """The broker that the environment names; nobody is there."""
    (tmp_path / "rabbitmq_password").write_text("only-for-tests-0123456789")
    monkeypatch.setenv("SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("RABBITMQ_USER", "shop")
    return RabbitMQ("rabbitmq", 5672, "landfast", "shop", "only-for-tests-0123456789")


def test_a_worker_that_runs_the_probe_is_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumption, "send_probe", lambda: bool(probe.MARK.write_text("now")))
    assert health.main() == 0


def test_a_worker_that_is_starting_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    slots.DIRECTORY.rmdir()
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
    assert "nobody listens" in capsys.readouterr().out


def test_a_worker_without_a_broker_is_unhealthy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> bool:
        raise OperationalError("connection refused")

    monkeypatch.setattr(consumption, "send_probe", refuse)
    assert health.main() == 1
    assert "RabbitMQ does not take a probe: connection refused" in capsys.readouterr().out


def test_a_worker_with_all_processes_at_work_is_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumption, "send_probe", lambda: False)
    for pid in (os.getpid(), os.getppid()):
        (slots.DIRECTORY / str(pid)).write_bytes(slots.BUSY)
    assert health.main() == 0


def test_a_process_that_died_or_hangs_does_not_count_as_at_work() -> None:
    (slots.DIRECTORY / "99999999").write_bytes(slots.BUSY)
    hanging = slots.DIRECTORY / str(os.getpid())
    hanging.write_bytes(slots.BUSY)
    os.utime(hanging, (time.time() - 100, time.time() - 100))
    assert slots.busy(longest=50) == 0
    assert slots.busy(longest=200) == 1


def test_probes_do_not_count_as_work() -> None:
    slots.occupy(PROBE)
    assert slots.busy(longest=60) == 0
    slots.occupy(WORK)
    assert slots.busy(longest=60) == 1
    slots.release(WORK)
    assert slots.busy(longest=60) == 0


def test_threads_count_one_by_one() -> None:
    slots.occupy(WORK)
    working, over = threading.Event(), threading.Event()

    def work() -> None:
        slots.occupy(WORK)
        working.set()
        over.wait(DEADLINE)

    thread = threading.Thread(target=work)
    thread.start()
    assert working.wait(DEADLINE)
    assert slots.busy(longest=60) == 2
    over.set()
    thread.join()
    assert slots.busy(longest=60) == 1, "a thread that is gone counts no more"


def test_beat_is_healthy_while_it_ticks() -> None:
    assert beat.main() == 1
    beat.MARK.touch()
    assert beat.main() == 0
    os.utime(beat.MARK, (time.time() - beat.STALE - 1,) * 2)
    assert beat.main() == 1


def test_beat_marks_every_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Scheduler, "tick", lambda *_: 4.5)
    assert beat.main() == 1

    assert scheduler.TickingScheduler.__new__(scheduler.TickingScheduler).tick() == 4.5

    assert beat.main() == 0


def test_beat_takes_its_timetable_from_the_code() -> None:
    app = create_celery("shop")
    app.conf.beat_schedule = {"sign of life": {"task": "shop.live", "schedule": 60}}

    made = scheduler.TickingScheduler(app=app)

    assert made.schedule["sign of life"].task == "shop.live"


def test_a_probe_leaves_its_mark() -> None:
    app = create_celery("shop")
    probe.declare(app)

    app.tasks[probe.NAME]()

    assert probe.MARK.exists()


@pytest.mark.parametrize("consumed", [True, False])
def test_a_probe_goes_to_this_worker_s_queue_alone_once_it_is_consumed(
    monkeypatch: pytest.MonkeyPatch, broker: RabbitMQ, *, consumed: bool
) -> None:
    sent: list[dict[str, Any]] = []
    asked: list[str] = []

    def connect(app: Celery[Any]) -> Connection:
        asked.append(app.conf.broker_url)
        return Connection("memory://")

    monkeypatch.setattr("celery.Celery.connection_for_write", connect)
    monkeypatch.setattr(consumption, "has_consumer", lambda *_: consumed)
    monkeypatch.setattr("kombu.Producer.publish", lambda *_, **options: sent.append(options))

    assert consumption.send_probe() is consumed

    assert set(asked) == {broker.url}, "no application has been loaded"
    name = f"probe.{socket.gethostname()}"
    assert [(each["exchange"], each["routing_key"], each["headers"]["task"]) for each in sent] == [
        ("probe", name, "probe.consume")
    ] * consumed


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
