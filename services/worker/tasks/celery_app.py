"""The shared Celery application, for tasks of no other one: callers import ``app``, workers run ``worker.app``.

Its tasks are durable: they are written in the caller's transaction, and run to their end once that has committed. A
task with ``base=ConfirmedTask`` is a plain one, which is sent at once and is as safe as RabbitMQ.
"""

from __future__ import annotations

from dataclasses import dataclass

from landfast_outbox.celery import DurableTask
from landfast_runtime.celery import create_celery
from landfast_runtime.connections import RabbitMQ, Redis
from landfast_runtime.env import Env, load


@dataclass(frozen=True)
class CelerySettings:
    """The settings that callers and workers share."""

    broker: RabbitMQ
    results: Redis

    @classmethod
    def from_env(cls, env: Env) -> CelerySettings:
        """Read ``RABBITMQ_*``, ``REDIS_*`` and their secrets."""
        return cls(broker=RabbitMQ.from_env(env), results=Redis.results_from_env(env))


#: The queue to which other applications send tasks by name: :func:`landfast_outbox.by_name.send`.
QUEUE = "tasks"

settings = load("celery", CelerySettings.from_env)

app = create_celery(
    "landfast",
    broker=settings.broker,
    results=settings.results,
    include=["tasks.arithmetic", "tasks.maintenance"],
    queues=[QUEUE],
    task_class=DurableTask,
)
