"""The set-up of worker and beat."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from landfast_runtime.celery import TASK_TIME_LIMIT, configure_worker, create_celery
from redis import ConnectionError as RedisIsAway
from tasks import maintenance
from tasks.celery_app import QUEUE, app, settings
from worker import app as program

if TYPE_CHECKING:
    from celery import Celery

ROOM = Path(__file__).parents[1]


def test_every_queue_is_consumed() -> None:
    assert set(program.lane.queues) == {queue.name for queue in app.conf.task_queues} == {QUEUE}


def test_beat_s_timetable_names_tasks_that_the_worker_knows() -> None:
    app.loader.import_default_modules()

    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)
    assert app.conf.beat_scheduler == "landfast_runtime.worker.scheduler:TickingScheduler"


def test_a_task_is_given_back_when_its_worker_dies() -> None:
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.broker_transport_options["confirm_publish"]
    assert app.conf.task_time_limit == TASK_TIME_LIMIT


def test_a_result_waits_for_redis_rather_than_getting_lost() -> None:
    configured: Celery[Any] = create_celery("worker", settings.broker, settings.results)
    configure_worker(configured, settings.broker)
    assert configured.conf.result_backend_always_retry
    assert configured.conf.result_backend_max_retries == float("inf")
    assert configured.backend.retry_policy["max_retries"] is None
    assert configured.backend.exception_safe_to_retry(RedisIsAway())


def test_it_loads_no_framework_that_its_tasks_do_not_need() -> None:
    code = "import sys, worker.app; worker.app.app.loader.import_default_modules(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOM)

    assert not {"django.db", "sqlalchemy", "flask", "dramatiq"} & set(done.stdout.split())


def test_the_heartbeat_tells_the_time() -> None:
    told = datetime.fromisoformat(maintenance.heartbeat())

    assert abs((datetime.now(UTC) - told).total_seconds()) < 60
