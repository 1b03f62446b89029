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
from api.tasks.waiting import check_backlog

if TYPE_CHECKING:
    from flask import Flask, Response

routes = Routes("tasks", __name__, prefix="/api/v1/tasks", tag="Tasks", about="Work that is done by the workers.")


_RESULTS, _DRAMATIQ = "landfast.results", "landfast.dramatiq"


def init_tasks(app: Flask, results: Results, *, dramatiq: bool) -> None:
    """Set up the tasks of ``app``.

    Args:
        app: the API.
        results: reads other applications' results.
        dramatiq: whether Dramatiq's worker is part of the stack.
    """
    app.extensions[_RESULTS] = results
    app.extensions[_DRAMATIQ] = dramatiq


class Addition(BaseModel):
    """Two numbers to add."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"x": 4, "y": 4}]})

    x: Number
    y: Number


class Sending(BaseModel):
    """How a task is sent."""

    model_config = ConfigDict(extra="forbid")

    engine: Literal["celery", "dramatiq"] = Field(
        default="celery",
        description="the framework whose worker does it; dramatiq only where that worker is part of the stack",
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
    uses_dramatiq = query.engine == dramatiq.ENGINE
    if uses_dramatiq and not current_app.extensions[_DRAMATIQ]:
        message = "no worker of Dramatiq is part of this stack: leave 'engine' out"
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, message, field="engine")
    task_id = uuid.uuid4()
    with transaction() as session:
        check_backlog(session, DRAMATIQ_QUEUE if uses_dramatiq else QUEUE)
        session.add(Task(id=task_id, name=ADD))
        if uses_dramatiq:
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
    return respond(progress_of(str(task_id), row, current_app.extensions[_RESULTS]))
