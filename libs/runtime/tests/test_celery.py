from __future__ import annotations

import json
import logging
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from kombu import Connection
from kombu.exceptions import OperationalError
from landfast_runtime import celery as runtime_celery
from landfast_runtime.celery import (
    BROKER_TIMEOUT,
    EVENTS_WAIT,
    RESULT_LIFETIME,
    TASK_TIME_LIMIT,
    GatheringDispatcher,
    configure_logging,
    configure_worker,
    create_celery,
    log_end,
    log_start,
)
from landfast_runtime.connections import RabbitMQ, Redis
from landfast_runtime.logs import request_id, task_id
from landfast_testing.waiting import PATIENCE
from redis.exceptions import ConnectionError as RedisIsAway

from tests.servers import unused_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from celery import Celery, Task

PASSWORD = "p@ss/w:rd-not-a-real-one"


def echo(x: int) -> int:
    return x


@pytest.fixture
def app() -> Celery[Any]:
    """An application without a reachable broker and result backend."""
    broker = RabbitMQ("127.0.0.1", unused_port(), "landfast", "web", PASSWORD)
    app = create_celery("test", broker, Redis("127.0.0.1", unused_port(), "web", PASSWORD))
    app.task(name="echo")(echo)
    return app


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The messages that are published."""
    messages: list[dict[str, Any]] = []
    monkeypatch.setattr("kombu.Producer.publish", lambda *_, **options: messages.append(options))
    return messages


@pytest.fixture
def request_in_progress() -> Iterator[str]:
    token = request_id.set("request-0001")
    yield "request-0001"
    request_id.reset(token)


def running_task(*, internal: bool = False) -> Task[Any, Any]:
    """Return a task for the worker's signals."""
    request = SimpleNamespace(request_id="request-0001")
    return cast("Task[Any, Any]", SimpleNamespace(name="echo", internal=internal, request=request))


def test_a_caller_waits_for_a_confirmation_but_not_for_ever(app: Celery[Any], published: list[dict[str, Any]]) -> None:
    app.tasks["echo"].delay(1)

    assert published[0]["confirm_timeout"] == BROKER_TIMEOUT
    assert app.conf.broker_transport_options["confirm_publish"] is True


def test_a_task_goes_to_a_durable_quorum_queue(app: Celery[Any], published: list[dict[str, Any]]) -> None:
    app.tasks["echo"].delay(1)

    [message] = published
    [queue] = app.amqp.queues.values()
    assert message["routing_key"] == queue.name == "tasks"
    assert queue.durable
    assert queue.queue_arguments == {"x-queue-type": "quorum"}
    assert (queue.exchange.type, queue.exchange.durable) == ("topic", True)


def test_a_task_can_be_sent_while_redis_is_away(app: Celery[Any], published: list[dict[str, Any]]) -> None:
    app.tasks["echo"].delay(1)

    assert len(published) == 1


def test_a_task_carries_the_id_of_its_request(
    app: Celery[Any], published: list[dict[str, Any]], request_in_progress: str
) -> None:
    app.tasks["echo"].delay(1)

    assert published[0]["headers"]["request_id"] == request_in_progress


def test_a_task_without_a_request_carries_no_id(app: Celery[Any], published: list[dict[str, Any]]) -> None:
    app.tasks["echo"].delay(1)

    assert "request_id" not in published[0]["headers"]


def test_a_caller_hears_soon_that_the_broker_is_away(app: Celery[Any]) -> None:
    started = time.monotonic()
    with pytest.raises(OperationalError):
        app.tasks["echo"].delay(1)

    assert time.monotonic() - started < 5 * PATIENCE


def test_a_caller_hears_soon_that_results_cannot_be_read(app: Celery[Any]) -> None:
    started = time.monotonic()
    with pytest.raises(RedisIsAway):
        app.backend.get_task_meta("some-id")

    assert time.monotonic() - started < 5 * PATIENCE


def test_a_worker_gives_a_task_back_when_it_dies(app: Celery[Any]) -> None:
    assert app.conf.task_acks_late
    assert app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 2


def test_only_json_is_read_and_written(app: Celery[Any]) -> None:
    assert app.conf.accept_content == ["json"]
    assert (app.conf.task_serializer, app.conf.result_serializer) == ("json", "json")


def test_a_task_cannot_run_for_ever(app: Celery[Any]) -> None:
    assert app.conf.task_time_limit == TASK_TIME_LIMIT


def test_a_worker_keeps_its_result_until_redis_is_back(app: Celery[Any]) -> None:
    assert app.backend.retry_policy["max_retries"] == 1
    broker = RabbitMQ("rabbitmq", 5672, "landfast", "worker", "other")
    configure_worker(app, broker)

    assert app.conf.broker_url == broker.url
    assert app.conf.broker_heartbeat > 0
    assert app.conf.result_backend_transport_options["retry_policy"]["max_retries"] is None


def test_results_expire_where_they_are_kept_and_elsewhere_nothing_clears_them_away(app: Celery[Any]) -> None:
    assert app.conf.result_expires == RESULT_LIFETIME
    assert create_celery("without").conf.result_expires is None


def test_a_result_that_redis_does_not_take_is_stored_once_it_does(
    app: Celery[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored: dict[str, Any] = {}
    outage = [RedisIsAway(), RedisIsAway()]

    def take(*, keys: list[str], args: list[Any], client: object) -> None:
        assert client is not None
        if outage:
            raise outage.pop()
        stored[keys[0]] = json.loads(args[0])
        assert args[1] == RESULT_LIFETIME

    monkeypatch.setitem(vars(app.backend), "_store_and_tell", take)
    app.backend.mark_as_done("some-id", 8)

    [meta] = stored.values()
    assert (meta["status"], meta["result"], meta["task_id"]) == ("SUCCESS", 8, "some-id")


def test_a_worker_comes_back_within_seconds_of_its_broker(app: Celery[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr("kombu.Connection.ensure_connection", lambda _connection, **options: seen.update(options))
    app.connection_for_read().ensure_connection(max_retries=9)

    assert seen["max_retries"] == 9
    assert seen["interval_max"] <= 3


def test_a_task_logs_its_start_and_its_end_with_its_ids(caplog: pytest.LogCaptureFixture) -> None:
    task = running_task()
    caplog.set_level(logging.INFO)
    log_start("task-0001", task)
    assert (request_id.get(), task_id.get()) == ("request-0001", "task-0001")
    log_end("task-0001", task, state="SUCCESS")

    start, end = (vars(record) for record in caplog.records)
    assert (start["message"], start["task"]) == ("task started", "echo")
    assert (end["message"], end["state"]) == ("task ended", "SUCCESS")
    assert end["milliseconds"] >= 0
    assert (request_id.get(), task_id.get()) == (None, None)


def test_a_probe_leaves_no_line(caplog: pytest.LogCaptureFixture) -> None:
    task = running_task(internal=True)
    caplog.set_level(logging.INFO)
    log_start("task-0001", task)
    log_end("task-0001", task, state="SUCCESS")

    assert caplog.records == []
    assert task_id.get() is None


@pytest.mark.usefixtures("_root_logger")
def test_a_worker_logs_as_json_without_chatter(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("worker", "INFO")
    logging.getLogger("celery.app.trace").info("Task succeeded in 0.1s")
    logging.getLogger("celery.worker").info("ready")

    [line] = capsys.readouterr().out.splitlines()
    assert (json.loads(line)["service"], json.loads(line)["message"]) == ("worker", "ready")


@pytest.fixture
def dispatcher(app: Celery[Any], published: list[dict[str, Any]]) -> GatheringDispatcher:
    """The event dispatcher of a worker with an event loop."""
    dispatcher = GatheringDispatcher(
        connection=Connection("memory://"), app=app, enabled=False,
        buffer_group=["task"], on_send_buffered=lambda: pytest.fail("each event was sent at once"),
    )  # fmt: skip
    dispatcher.enabled = True
    producer = SimpleNamespace(publish=lambda event, **options: published.append({"event": event, **options}))
    dispatcher.producer = producer  # type: ignore[attr-defined]  # missing in its types
    return dispatcher


def test_a_worker_s_events_are_sent_together(
    monkeypatch: pytest.MonkeyPatch, dispatcher: GatheringDispatcher, published: list[dict[str, Any]]
) -> None:
    later: list[tuple[float, Any]] = []
    loop = SimpleNamespace(call_later=lambda seconds, callback: later.append((seconds, callback)))
    monkeypatch.setattr(runtime_celery, "get_event_loop", lambda: loop)
    for kind in ("task-received", "task-started", "task-succeeded"):
        dispatcher.send(kind, uuid="1")
    assert (published, [seconds for seconds, _ in later]) == ([], [EVENTS_WAIT])

    later.pop()[1]()
    dispatcher.send("task-received", uuid="2")

    assert [(len(each["event"]), each["routing_key"]) for each in published] == [(3, "task.multi")]
    assert len(later) == 1, "the next ones wait anew"


def test_what_a_worker_says_of_itself_comes_after_its_tasks(
    monkeypatch: pytest.MonkeyPatch, dispatcher: GatheringDispatcher, published: list[dict[str, Any]]
) -> None:
    monkeypatch.setattr(runtime_celery, "get_event_loop", lambda: None)
    dispatcher.send("task-succeeded", uuid="1")
    dispatcher.send("worker-offline")

    assert [each["routing_key"] for each in published] == ["task.multi", "worker.offline"]
