"""Upkeep that beat starts by the clock. When, is set in the admin; see ``mysite.schedule`` for the first set-up."""

from __future__ import annotations

from datetime import UTC, datetime

from landfast_runtime.celery import ConfirmedTask

from tasks.celery_app import app


@app.task(base=ConfirmedTask)
def heartbeat() -> str:
    """Return the time: a regular sign in Flower that beat, broker and worker hold together."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@app.task
def send_digest() -> int | None:
    """Make a newsletter of the week's articles, send it, and return its number; None without any."""
    from news import upkeep  # noqa: PLC0415

    from tasks.mail import send_newsletter  # noqa: PLC0415 - it needs the other modules of tasks loaded

    issue_id = upkeep.make_digest()
    if issue_id is not None:
        send_newsletter.delay(issue_id)
    return issue_id


@app.task
def remove_expired_drafts() -> int:
    """Delete drafts that nobody has touched for long, and return how many those were."""
    from news import upkeep  # noqa: PLC0415

    return upkeep.remove_expired_drafts()


@app.task(long=True)
def make_missing_thumbnails() -> int:
    """Make the pictures that covers lack, and return how many those were."""
    from news import pictures  # noqa: PLC0415

    return pictures.make_missing_thumbnails()


@app.task(long=True, database="api")
def remove_expired_uploads() -> int:
    """Delete datasets past their time, and return how many those were."""
    from api.datasets import upkeep  # noqa: PLC0415

    return upkeep.remove_expired_uploads()


@app.task(long=True, database="api")
def remove_old_tasks() -> int:
    """Delete the ids of tasks that the API issued long ago, and return how many those were."""
    from api.tasks import upkeep  # noqa: PLC0415

    return upkeep.remove_old_tasks()


@app.task
def remove_dead_sessions() -> None:
    """Delete logins that have expired."""
    from django.core.management import call_command  # noqa: PLC0415

    call_command("clearsessions")
