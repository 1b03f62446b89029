"""Tasks that earlier releases wrote, against the worker of this release.

``NAME.json`` in a folder has the rows of one release, and never changes. A task that is renamed, or takes other
arguments, still accepts its old name and arguments for as long as such rows may wait.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from pathlib import Path

    from celery import Celery

#: A row, with the fields of :class:`landfast_outbox.task.NewTask`.
type Row = dict[str, Any]


def read(folder: Path) -> dict[str, Row]:
    """Return the rows in a folder, each with a readable label.

    Args:
        folder: the folder of the files.
    """
    return {
        f"{path.stem}: {row['engine']} {row['name']}": row
        for path in sorted(folder.glob("*.json"))
        for row in json.loads(path.read_text(encoding="utf-8"))
    }


def check(app: Celery[Any], row: Row) -> None:
    """Fail if this release's worker does not know a row's task, or the task takes no such arguments.

    Args:
        app: the worker's application.
        row: a row of an earlier release.
    """
    args, kwargs, _ = json.loads(row["body"])
    header = getattr(_tasks(app)[row["headers"]["task"]], "__header__", None)
    if header is not None:
        header(*args, **kwargs)


def durable(app: Celery[Any], *packages: str) -> set[str]:
    """Return the names of the durable tasks in some packages: the next release must keep each of them."""
    return {name for name, task in _tasks(app).items() if name.startswith(packages) and hasattr(task, "ordered")}


def _tasks(app: Celery[Any]) -> dict[str, Any]:
    """Return an application's tasks, loaded without Django's check of its models, which a worker runs at its start."""
    for module in app.conf.include:
        import_module(module)
    return cast("dict[str, Any]", app.tasks)
