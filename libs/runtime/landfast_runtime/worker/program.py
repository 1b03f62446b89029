"""A worker's program: an application's tasks, set up for ``celery -A``."""

from __future__ import annotations

import gc
import logging
from typing import TYPE_CHECKING, Any

from celery import signals
from kombu.transport import native_delayed_delivery

from landfast_runtime.celery import configure_logging, configure_worker
from landfast_runtime.worker import activity, probe
from landfast_runtime.worker.config import worker_settings
from landfast_runtime.worker.renewal import Renewal

if TYPE_CHECKING:
    from celery import Celery

    from landfast_runtime.connections import RabbitMQ
    from landfast_runtime.worker.lanes import Lane

#: Beat's scheduler for a timetable in the code.
SCHEDULER = "landfast_runtime.worker.scheduler:TickingScheduler"

#: The most seconds between two ticks of beat; its health check relies on them.
TICK = 5


def configure(app: Celery[Any], lane: Lane, broker: RabbitMQ, scheduler: str = SCHEDULER) -> None:
    """Set an application up for workers and beat.

    The application registers the databases of its tasks' effects: :func:`landfast_outbox.databases.use`.

    Args:
        app: the application.
        lane: the worker's lane.
        broker: the broker of its tasks; callers that only send durable tasks need none.
        scheduler: beat's scheduler.
    """
    settings = worker_settings()
    configure_worker(app, broker)
    probe.declare(app)
    logging.getLogger(native_delayed_delivery.__name__).addFilter(probe.is_of_others)
    app.conf.update(
        worker_concurrency=settings.concurrency,
        beat_scheduler=scheduler,
        beat_max_loop_interval=TICK,
        **lane.celery,
    )

    def log_as_json(**_: Any) -> None:  # noqa: ANN401 - arguments of a signal
        configure_logging(settings.service, settings.log_level)

    def leave_others_alone(sender: Any, **_: Any) -> None:  # noqa: ANN401
        # Each worker would read the heartbeats of all others for nothing. Flower gets them still.
        sender.options["without_gossip"] = True

    def prepare(instance: Any, **_: Any) -> None:  # noqa: ANN401
        activity.clear()
        queues = instance.app.amqp.queues
        for other in set(queues) - set(lane.queues):
            del queues[other]  # another worker declares it: this one would bind it to delays before it exists
        queues.select(lane.queues)
        queues.select_add(probe.queue())

    signals.setup_logging.connect(log_as_json, weak=False)
    signals.worker_init.connect(leave_others_alone, weak=False)
    signals.celeryd_after_setup.connect(prepare, weak=False)
    signals.worker_before_create_process.connect(share_memory)
    renewal = Renewal(settings.growth, settings.concurrency if lane.pool == "prefork" else 0)
    renewal.connect()
    if settings.reload:
        from landfast_runtime.worker.reload import Watcher  # noqa: PLC0415 - servers do not need its library

        Watcher(renewal.begin).connect()
    signals.worker_process_shutdown.connect(activity.leave)
    signals.task_prerun.connect(activity.occupy)
    signals.task_postrun.connect(activity.release)


def share_memory(**_: Any) -> None:  # noqa: ANN401 - as above
    """Keep the pages of this process shared with the pool's processes, which are forks of it.

    The garbage collector writes to each object that it visits, and so its process gets a copy of the page.
    """
    if not gc.get_freeze_count():
        gc.collect()
        gc.freeze()
