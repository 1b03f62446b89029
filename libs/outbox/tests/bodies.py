"""Tasks whose bodies a test chooses, one for each adapter to the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from landfast_outbox import consumer
from landfast_outbox.psycopg import PsycopgDatabase
from landfast_outbox.sqlalchemy import SQLAlchemyDatabase
from sqlalchemy import text

from tests.app import app

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Task
    from landfast_outbox.celery import DurableTask

    Body = Callable[..., Any]
    Kind = tuple[DurableTask, Callable[[str], None]]

INSERT = "INSERT INTO effect VALUES (%s)"

#: The tasks' body; the test sets it.
_chosen: list[Body] = []


def choose(body: Body) -> None:
    """Let the tasks run ``body``; its first argument is the task."""
    _chosen[:] = [body]


def _run(self: Task[Any, Any], *args: Any) -> Any:  # noqa: ANN401 - the body's
    return _chosen[-1](self, *args)


def in_sqlalchemy(what: str) -> None:
    """Leave an effect in the transaction of a task that runs in SQLAlchemy."""
    SQLAlchemyDatabase.connection().execute(text("INSERT INTO effect VALUES (:what)"), {"what": what})


def in_django(what: str) -> None:
    """Leave an effect in Django's transaction."""
    from django.db import connection  # noqa: PLC0415 - the settings must be there first

    with connection.cursor() as cursor:
        cursor.execute(INSERT, [what])


def in_psycopg(what: str) -> None:
    """Leave an effect in psycopg's transaction."""
    PsycopgDatabase.connection().execute(INSERT, [what])


def in_long(what: str) -> None:
    """Leave an effect in the last transaction of a long task."""
    with consumer.effect(what) as connection:
        connection.execute(INSERT, [what])


sqlalchemy = app.task(bind=True, name="tests.body.sqlalchemy")(_run)
django = app.task(bind=True, name="tests.body.django", database="django")(_run)
psycopg = app.task(bind=True, name="tests.body.psycopg", database="psycopg")(_run)
long = app.task(bind=True, name="tests.body.long", long=True)(_run)

#: Each task with its way to leave an effect.
KINDS = {
    "sqlalchemy": (sqlalchemy, in_sqlalchemy),
    "django": (django, in_django),
    "psycopg": (psycopg, in_psycopg),
    "long": (long, in_long),
}

quiet = app.task(bind=True, name="tests.body.quiet", ignore_result=True)(_run)
stubborn = app.task(
    bind=True,
    name="tests.body.stubborn",
    autoretry_for=(Exception,),
    retry_backoff=7,
    retry_jitter=False,
    max_retries=2,
)(_run)
stubborn_long = app.task(
    bind=True, name="tests.body.stubborn_long", long=True, autoretry_for=(Exception,), max_retries=2
)(_run)
homeless = app.task(bind=True, name="tests.body.homeless", database="elsewhere")(_run)
