"""The tasks' routes."""

from __future__ import annotations

import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal

from flask import current_app, url_for
from landfast_outbox import by_name, dramatiq
from pydantic import BaseModel, ConfigDict, Field

from api.db import transaction
from api.errors import ApiError
from api.models import Task
from api.routes import Answer, Number, Routes, respond
from api.tasks.progress import Progress, Row, progress_of
from api.tasks.shared import ADD, DRAMATIQ_QUEUE, QUEUE, Results

if TYPE_CHECKING:
    from flask import Flask, Response

routes = Routes("tasks", __name__, prefix="/api/v1/tasks", tag="Tasks", about="Work that is done by the workers.")


_EXTENSION = "landfast.results"


def init_results(app: Flask, results: Results) -> None:
    """Set the reader of other applications' results for ``app``."""
    app.extensions[_EXTENSION] = results


class Addition(BaseModel):
    """Two numbers to add."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"x": 4, "y": 4}]})

    x: Number
    y: Number


class Sending(BaseModel):
    """How a task is sent."""

    model_config = ConfigDict(extra="forbid")

    engine: Literal["celery", "dramatiq"] = Field(
        default="celery", description="the framework whose worker does it; without that worker running, it waits"
    )


@routes.post(
    "/add",
    Answer(202, "A worker will add them.", Progress, headers={"Location": "where the sum will be"}),
    idempotent=True,
)
def add_numbers(body: Addition, query: Sending) -> Response:
    """Have a worker add two numbers.

    The answer says where the sum will be.
    """
    task_id = uuid.uuid4()
    with transaction() as session:
        session.add(Task(id=task_id, name=ADD))
        if query.engine == dramatiq.ENGINE:
            dramatiq.send(ADD, DRAMATIQ_QUEUE, (body.x, body.y), task_id=str(task_id))
        else:
            by_name.send(ADD, (body.x, body.y), queue=QUEUE, task_id=str(task_id))
    location = url_for("tasks.show", task_id=task_id)
    return respond(Progress(id=str(task_id)), HTTPStatus.ACCEPTED, {"Location": location})


@routes.get(
    "/<uuid:task_id>", Answer(200, "How it is doing.", Progress), errors={405: "This is no task: `add` takes `POST`."}
)
def show(task_id: uuid.UUID) -> Response:
    """Tell how a task is doing.

    Raises:
        ApiError: this API never issued the id.
    """
    with transaction() as session:
        if session.get(Task, task_id) is None:
            raise ApiError(HTTPStatus.NOT_FOUND, f"there is no task {task_id}")
        row = Row.find(session, task_id)
    return respond(progress_of(str(task_id), row, current_app.extensions[_EXTENSION]))
