"""The Celery application: callers import ``app`` from here, workers run it through ``worker.app``.

Its tasks are durable: they are written in the caller's transaction, and run to their end once that has committed. One
that says ``base=ConfirmedTask`` is a plain one, sent at once and as safe as RabbitMQ is.
"""

from __future__ import annotations

from dataclasses import dataclass

from landfast_outbox.celery import DurableTask
from landfast_runtime.celery import QUEUE, create_celery
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


#: What waits for a mail server: lanes of their own, with workers of their own, so that it holds up nothing else. Mass
#: mail has another one, so that ten thousand letters do not stand in the way of one.
MAIL_QUEUE, BULK_QUEUE = "tasks.mail", "tasks.bulk"

settings = load("celery", CelerySettings.from_env)

app = create_celery(
    "landfast",
    broker=settings.broker,
    results=settings.results,
    include=[
        "tasks.arithmetic",
        "tasks.mail",
        "tasks.maintenance",
        "tasks.pictures",
        "tasks.probe",
        "tasks.reports",
    ],
    queues=[MAIL_QUEUE, BULK_QUEUE],
    task_class=DurableTask,
)
app.conf.task_routes = {
    "tasks.mail.send_newsletter": {"queue": QUEUE},  # it hands the copies over, and asks no mail server
    "tasks.mail.send_newsletter_copy": {"queue": BULK_QUEUE},
    "tasks.mail.*": {"queue": MAIL_QUEUE},
}
