"""A Celery application with durable tasks and a plain one. Its broker does not exist."""

from __future__ import annotations

from celery import Celery, Task
from kombu import Queue
from landfast_outbox.celery import DurableTask

app = Celery(
    "tests", broker="amqp://nobody@127.0.0.1:1//", backend="cache+memory://", task_cls=DurableTask, set_as_current=False
)
app.conf.update(
    task_default_queue="tasks",
    task_queues=[Queue("tasks"), Queue("slow")],
    task_routes={"tests.routed": {"queue": "slow"}},
    task_serializer="json",
    accept_content=["json"],
    broker_connection_timeout=1,
    task_publish_retry=False,
)


@app.task(name="tests.add")
def add(x: float, y: float) -> float:
    return x + y


@app.task(name="tests.note", ordered=True)
def note(text: str) -> None:
    """Leave nothing."""


@app.task(name="tests.routed")
def routed() -> None:
    """Leave nothing."""


@app.task(name="tests.expiring", expires=60)
def expiring() -> None:
    """Leave nothing."""


@app.task(name="tests.plain", base=Task)
def plain(*numbers: float) -> float:
    return sum(numbers)
