"""How worker and beat are put together from their settings."""

from __future__ import annotations

import json
import logging
import socket
from typing import TYPE_CHECKING, Any

import django
import pytest
from kombu import Connection
from tasks import probe
from worker import app as worker_app
from worker import beat, consumption, slots

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

django.setup()


@pytest.fixture
def untouched_logging() -> Iterator[None]:
    """Put the root logger back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_worker_runs_what_its_settings_say() -> None:
    assert worker_app.app.conf.worker_concurrency == 2
    assert worker_app.app.conf.beat_scheduler == "worker.scheduler:TickingScheduler"
    assert worker_app.app.conf.result_backend_always_retry


def test_a_worker_consumes_its_own_probes_and_forgets_old_work(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(slots, "DIRECTORY", tmp_path)
    (tmp_path / "1").touch()

    worker_app.prepare_worker(instance=worker_app)

    queue: Any = worker_app.app.amqp.queues[f"probe.{socket.gethostname()}"]
    assert queue.expires == 120
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("consumed", [True, False])
def test_a_probe_goes_to_this_worker_s_queue_alone_once_it_is_consumed(
    monkeypatch: pytest.MonkeyPatch, *, consumed: bool
) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(worker_app.app, "connection_for_write", lambda: Connection("memory://"))
    monkeypatch.setattr(consumption, "has_consumer", lambda *_: consumed)
    monkeypatch.setattr(probe.consume, "apply_async", lambda **options: sent.append(options))

    assert consumption.send_probe() is consumed

    assert [options["queue"].name for options in sent] == [f"probe.{socket.gethostname()}"] * consumed


@pytest.mark.usefixtures("untouched_logging")
def test_a_worker_logs_json_under_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    worker_app.log_as_json()
    logging.getLogger("worker").warning("low water")

    written = capsys.readouterr()
    line = json.loads((written.out + written.err).splitlines()[-1])
    assert (line["service"], line["message"]) == ("worker", "low water")


def test_beat_marks_every_tick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from django_celery_beat.schedulers import DatabaseScheduler  # noqa: PLC0415 - wants Django set up
    from worker import scheduler  # noqa: PLC0415

    monkeypatch.setattr(scheduler, "MARK", tmp_path / "ticked")
    monkeypatch.setattr(beat, "MARK", tmp_path / "ticked")
    monkeypatch.setattr(DatabaseScheduler, "tick", lambda *_: 4.5)
    assert beat.main() == 1

    ticking = scheduler.TickingScheduler.__new__(scheduler.TickingScheduler)

    assert ticking.tick() == 4.5
    assert beat.main() == 0


def test_tasks_send_mail_by_smtp_and_use_a_connection_of_their_own() -> None:
    from worker import settings  # noqa: PLC0415 - it reads the site's own, which want Django set up

    mailer: Any = settings.MAILERS["default"]
    options = mailer["OPTIONS"]
    assert (options["host"], options["port"], options["use_tls"], options["use_ssl"]) == ("mail", 1025, False, False)
    assert mailer["BACKEND"] == "mailer.backend.StepwiseBackend"
    assert (options["timeout"], options["limits"].reply, options["limits"].end) == (10, 300, 600)
    assert settings.DEFAULT_FROM_EMAIL == "Landfast <hello@localhost>"
    connection: Any = settings.DATABASES["default"]["OPTIONS"]
    assert connection["application_name"] == "worker"
    assert "pool" not in connection
