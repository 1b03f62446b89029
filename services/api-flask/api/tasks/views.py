"""The tasks' routes."""

from __future__ import annotations

import uuid
from http import HTTPStatus

from flask import Blueprint, Response, jsonify, request, url_for
from tasks.arithmetic import add

from api.db import transaction
from api.errors import ApiError
from api.models import Task
from api.tasks.arguments import Addition
from api.tasks.progress import Progress, progress_of

blueprint = Blueprint("tasks", __name__)


@blueprint.post("/add")
def add_numbers() -> tuple[Response, HTTPStatus, dict[str, str]]:
    """Have a worker add two numbers; the answer says where the sum will be."""
    numbers = Addition.from_request(request)
    task_id = uuid.uuid4()
    # The row is written before the task is published, so that no task runs whose id could not be recorded, and
    # committed after, so that an id that is issued was published.
    with transaction() as session:
        session.add(Task(id=task_id, name=add.name))
        session.flush()
        add.apply_async((numbers.x, numbers.y), task_id=str(task_id))
    location = url_for("tasks.show", task_id=task_id)
    return jsonify(Progress(id=str(task_id)).as_dict()), HTTPStatus.ACCEPTED, {"Location": location}


@blueprint.get("/<uuid:task_id>")
def show(task_id: uuid.UUID) -> Response:
    """Tell how a task is doing.

    Raises:
        ApiError: this API never issued the id.
    """
    with transaction() as session:
        if session.get(Task, task_id) is None:
            raise ApiError(HTTPStatus.NOT_FOUND, f"there is no task {task_id}")
    return jsonify(progress_of(str(task_id)).as_dict())
