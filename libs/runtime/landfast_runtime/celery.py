"""Celery applications, for callers and workers: RabbitMQ quorum queues, late acknowledgement, publisher confirms.

The settings keep a task safe when a worker or the broker dies. Their reasons:

- quorum queues replace mirrored ones and keep messages on disk; ``topic`` exchanges let Celery delay tasks
  (countdown, retries) in the broker instead of in a worker's memory:
  https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/rabbitmq.html
- late acknowledgement and rejection on worker loss return a task to its queue when its worker dies;
- publisher confirms with a timeout report to a caller that its task did not reach the broker.
"""

from __future__ import annotations

import logging
import logging.config
import time
from typing import TYPE_CHECKING, Any

from celery import Celery, Task, signals
from celery.app.amqp import AMQP
from celery.app.events import Events
from celery.events.dispatcher import EventDispatcher
from kombu import Connection, Exchange, Queue
from kombu.asynchronous import get_event_loop

from landfast_runtime.logs import logging_config, request_id, task_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from landfast_runtime.connections import RabbitMQ, Redis

#: Seconds that a caller waits for RabbitMQ to accept a connection, and then to confirm a task.
BROKER_TIMEOUT = 2.0

#: Seconds between two heartbeats of a worker's connection. Callers send none: TCP keepalive keeps idle connections up.
WORKER_HEARTBEAT = 30

#: Seconds after which a running task is killed. RabbitMQ's consumer_timeout must stay above twice that, because a task
#: may wait in a worker while another runs.
TASK_TIME_LIMIT = 3600

#: Seconds for which results are kept.
RESULT_LIFETIME = 24 * 3600

#: A caller's read of a result fails fast; a worker (see below) keeps its result until Redis is back.
_CALLER_RESULT_RETRIES = {"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2}
_WORKER_RESULT_RETRIES = {"max_retries": None, "interval_start": 0, "interval_step": 1, "interval_max": 5}

#: Seconds between a worker's attempts to reconnect to the broker: 1, 2, 3, 3 ...
PROMPT_RETRIES = {"interval_start": 1, "interval_step": 1, "interval_max": 3}

#: Seconds that a worker's events wait for others, and the most events that are sent together.
EVENTS_WAIT = 0.1
EVENTS_AT_ONCE = 200

_started: dict[str, float] = {}

logger = logging.getLogger(__name__)


class PromptConnection(Connection):
    """A connection that retries often: kombu's own waits grow to 30 s, and delay recovery after an outage."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - kombu's own signature
        """Retry with the waits of :data:`PROMPT_RETRIES` by default."""
        return super().ensure_connection(
            *args, **{"interval_start": 1, "interval_step": 1, "interval_max": 3, **options}
        )


class PromptAMQP(AMQP):
    """Celery's AMQP interface with :class:`PromptConnection`."""

    Connection = PromptConnection


class GatheringDispatcher(EventDispatcher):
    """Sends a worker's events in batches, and without publisher confirms: events are best effort.

    Each task has three events. Celery sends them in each iteration of its loop; even without confirms that took two
    fifths of a busy worker's main process (``py-spy`` on the worker of ``tests/bench/tasks``).
    """

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - Celery's own signature
        # Celery buffers events only if the worker has an event loop.
        if options.get("on_send_buffered"):
            options |= {"on_send_buffered": self._flush_later, "buffer_limit": EVENTS_AT_ONCE}
        self._flush_is_due = False
        super().__init__(*args, **options)

    def enable(self) -> None:
        """Create the producer, on a channel of its own."""
        super().enable()
        channel = self.producer.channel  # type: ignore[attr-defined]  # set by the line above
        channel.basic_publish = channel._basic_publish  # noqa: SLF001 - basic_publish without confirms

    def send(self, type: str, *args: Any, **fields: Any) -> Any:  # noqa: A002, ANN401 - Celery's own signature
        """Send an event; an event of the worker itself, such as its end, follows those of its tasks."""
        if not type.startswith("task-"):
            self.flush()
        return super().send(type, *args, **fields)

    def _flush_later(self) -> None:
        loop = get_event_loop()
        if loop is not None and not self._flush_is_due:
            self._flush_is_due = True
            loop.call_later(EVENTS_WAIT, self._flush_now)

    def _flush_now(self) -> None:
        self._flush_is_due = False
        self.flush()


class GatheringEvents(Events):
    """Celery's event interface with :class:`GatheringDispatcher`."""

    dispatcher_cls = GatheringDispatcher  # type: ignore[assignment]  # a class does as well as its name


class ConfirmedTask(Task[Any, Any]):
    """A task whose caller learns within seconds whether the broker has it."""

    abstract = True

    #: Set on workers' health probes: they are neither logged nor counted as work.
    internal = False

    def apply_async(self, *args: Any, **options: Any) -> Any:  # noqa: ANN401 - Celery's own signature
        """Publish as Celery does, with a timeout for the broker's confirm."""
        options.setdefault("confirm_timeout", BROKER_TIMEOUT)
        return super().apply_async(*args, **options)


def create_celery(
    name: str,
    broker: RabbitMQ | None = None,
    results: Redis | None = None,
    include: Iterable[str] = (),
    queues: Sequence[str] = ("tasks",),
    task_class: type[Task[Any, Any]] = ConfirmedTask,
) -> Celery[Any]:
    """Return a Celery application.

    Args:
        name: the application's main name.
        broker: the broker. Callers of durable tasks need none; workers do (:func:`configure_worker`).
        results: the Redis server for results; without it no results are kept.
        include: modules that define tasks; a worker imports them at start.
        queues: the queues; the first is the tasks' default, and the exchange has its name.
        task_class: the tasks' default class.
    """
    app: Celery[Any] = Celery(
        name,
        broker=broker.url if broker else None,
        backend=f"landfast_runtime.celery_results:ResultBackend+{results.url}" if results else None,
        include=list(include),
        task_cls=task_class,
        amqp=PromptAMQP,
        events=GatheringEvents,
    )
    default = queues[0]
    exchange = Exchange(default, type="topic", durable=True)
    app.conf.update(
        task_queues=[
            Queue(queue, exchange, routing_key=queue, durable=True, queue_arguments={"x-queue-type": "quorum"})
            for queue in queues
        ],
        task_default_queue=default,
        task_default_exchange=default,
        task_default_exchange_type="topic",
        task_default_routing_key=default,
        task_default_queue_type="quorum",
        task_create_missing_queue_type="quorum",
        task_create_missing_queue_exchange_type="topic",
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_track_started=True,
        task_time_limit=TASK_TIME_LIMIT,
        task_serializer="json",
        result_serializer="json",
        accept_content=["json"],
        # Without a result backend, beat must send no task that removes old results.
        result_expires=RESULT_LIFETIME if results else None,
        result_backend_transport_options={"retry_policy": _CALLER_RESULT_RETRIES},
        redis_socket_timeout=BROKER_TIMEOUT,
        redis_socket_connect_timeout=BROKER_TIMEOUT,
        broker_heartbeat=0,
        broker_connection_timeout=BROKER_TIMEOUT,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_transport_options={"confirm_publish": True},
        task_publish_retry_policy={"max_retries": 1, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.2},
        # One task waits beside each running one, so that no process waits for the broker between two tasks.
        worker_prefetch_multiplier=2,
        worker_send_task_events=True,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        timezone="UTC",
    )
    return app


def configure_worker(app: Celery[Any], broker: RabbitMQ) -> None:
    """Set a worker's different settings: a broker, heartbeats, and results that wait for Redis.

    Args:
        app: the worker's application.
        broker: the broker of its tasks.
    """
    app.conf.update(broker_url=broker.url)  # read-only according to its types
    app.conf.broker_heartbeat = WORKER_HEARTBEAT
    app.conf.result_backend_transport_options = {"retry_policy": _WORKER_RESULT_RETRIES}
    # That policy covers only writes; Celery reads before each write, and would give a finished task up.
    app.conf.result_backend_always_retry = True
    app.conf.result_backend_max_sleep_between_retries_ms = 2000


def configure_logging(service: str, level: str) -> None:
    """Log as JSON, one line at a task's start and one at its end; Celery's own messages only from warnings up."""
    logging.config.dictConfig(logging_config(service, level))
    for noisy in ("celery.worker.strategy", "celery.app.trace"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


@signals.before_task_publish.connect
def hand_on_request_id(headers: dict[str, Any], **_: Any) -> None:  # noqa: ANN401
    """Add the id of the current request to a task's message."""
    if current := request_id.get():
        headers["request_id"] = current


@signals.task_prerun.connect
def log_start(task_id: str, task: Task[Any, Any], **_: Any) -> None:  # noqa: ANN401
    """Set the task's and its request's id for log lines, and log the start."""
    _remember_ids(task_id, task)
    if not _is_internal(task):
        _started[task_id] = time.monotonic()
        logger.info("task started", extra={"task": task.name})


@signals.task_postrun.connect
def log_end(task_id: str, task: Task[Any, Any], state: str | None = None, **_: Any) -> None:  # noqa: ANN401
    """Log the task's outcome and its duration in milliseconds."""
    if not _is_internal(task):
        milliseconds = round((time.monotonic() - _started.pop(task_id, time.monotonic())) * 1000, 1)
        logger.info("task ended", extra={"task": task.name, "state": state, "milliseconds": milliseconds})
    _forget_ids()


def _remember_ids(current: str, task: Task[Any, Any]) -> None:
    task_id.set(current)
    request_id.set(getattr(task.request, "request_id", None))


def _forget_ids() -> None:
    task_id.set(None)
    request_id.set(None)


def _is_internal(task: Task[Any, Any]) -> bool:
    return bool(getattr(task, "internal", False))
