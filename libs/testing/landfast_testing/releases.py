"""One release's tasks against the next one's worker: rows as earlier releases wrote them.

``NAME.json`` in a folder holds what a release wrote, and is never changed. A task that is renamed, or takes other
arguments, keeps its old name and arguments for as long as rows of them may wait.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pathlib import Path

    from celery import Celery

#: A row, as :class:`landfast_outbox.task.NewTask` has it.
type Row = dict[str, Any]


def read(folder: Path) -> dict[str, Row]:
    """Return the rows in a folder, each with a label for people.

    Args:
        folder: what holds the files.
    """
    return {
        f"{path.stem}: {row['engine']} {row['name']}": row
        for path in sorted(folder.glob("*.json"))
        for row in json.loads(path.read_text(encoding="utf-8"))
    }


def check(app: Celery[Any], row: Row) -> None:
    """Fail if today's worker does not know a row's task, or the task takes no such arguments.

    Args:
        app: whose worker.
        row: of an earlier release.
    """
    args, kwargs, _ = json.loads(row["body"])
    header = getattr(_tasks(app)[row["headers"]["task"]], "__header__", None)
    if header is not None:
        header(*args, **kwargs)


def durable(app: Celery[Any], *packages: str) -> set[str]:
    """Return the names of the durable tasks that stand in some packages: the next release is held to each of them."""
    return {name for name, task in _tasks(app).items() if name.startswith(packages) and hasattr(task, "ordered")}


def _tasks(app: Celery[Any]) -> dict[str, Any]:
    """Return an application's tasks. Django's own check of its models, as a worker has it at its start, is left out."""
    for module in app.conf.include:
        import_module(module)
    return cast("dict[str, Any]", app.tasks)
