"""The shared Celery application, for tasks that belong to no other: callers import ``app``, workers run ``worker.app``.

Its tasks are durable: they are written in the caller's transaction, and run to their end once that has committed. One
that says ``base=ConfirmedTask`` is a plain one, sent at once and as safe as RabbitMQ is.
"""

from __future__ import annotations

from dataclasses import dataclass

from landfast_outbox.celery import DurableTask
from landfast_runtime.celery import create_celery
from landfast_runtime.connections import RabbitMQ, Redis
from landfast_runtime.env import Env, load


@dataclass(frozen=True)
class CelerySettings:
    """What callers and workers alike must know to talk to each other."""

    broker: RabbitMQ
    results: Redis

    @classmethod
    def from_env(cls, env: Env) -> CelerySettings:
        """Read ``RABBITMQ_*``, ``REDIS_*`` and their secrets."""
        return cls(broker=RabbitMQ.from_env(env), results=Redis.results_from_env(env))


#: Another application sends its tasks there by name: :func:`landfast_outbox.by_name.send`.
QUEUE = "tasks"

#: Where letters of the release before may wait: :mod:`tasks.former`.
FORMER_QUEUES = ("tasks.mail", "tasks.bulk")

settings = load("celery", CelerySettings.from_env)

app = create_celery(
    "landfast",
    broker=settings.broker,
    results=settings.results,
    include=["tasks.arithmetic", "tasks.former", "tasks.maintenance"],
    queues=[QUEUE, *FORMER_QUEUES],
    task_class=DurableTask,
)
