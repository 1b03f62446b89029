"""Celery's tasks, for the application of whichever worker is to run them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lengthy import bodies

if TYPE_CHECKING:
    from celery import Celery


def register(app: Celery[Any]) -> None:
    """Let an application have the tasks: one of them works in one transaction, one without holding any open."""
    app.task(name="lengthy.linger")(bodies.linger)
    app.task(name="lengthy.linger_outside", long=True)(bodies.linger)
    app.task(name="lengthy.leak", ignore_result=True)(bodies.leak)
