"""Statements of callers: a task is written in the transaction that it belongs to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, LiteralString, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from psycopg import Copy

    from landfast_outbox.task import NewTask

#: The number of tasks from which COPY is faster.
COPY_FROM = 50

_INSERT: LiteralString = """
    INSERT INTO outbox.task (id, name, engine, queue, headers, properties, body, ordered, due_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, COALESCE(%s, clock_timestamp() + COALESCE(%s, interval '0')))
"""

_COPY: LiteralString = "COPY outbox.task (id, name, engine, queue, headers, properties, body, ordered) FROM STDIN"


class Cursor(Protocol):
    """The methods of a cursor that writing needs: Django's and psycopg's cursors have them."""

    def execute(self, query: LiteralString, params: Sequence[Any] = ..., /) -> object:
        """Run one statement."""

    def executemany(self, query: LiteralString, params_seq: Sequence[Sequence[Any]], /) -> object:
        """Run one statement for many rows."""

    def copy(self, statement: LiteralString, /) -> AbstractContextManager[Copy]:
        """Send many rows at once."""


def insert(cursor: Cursor, tasks: Sequence[NewTask]) -> None:
    """Write tasks into the cursor's transaction."""
    for queue in sorted({task.queue for task in tasks if task.ordered}):
        # Other writers to the queue wait until this transaction ends, so that tasks commit in the order of writing.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('outbox.write.' || %s, 0))", (queue,))
    if len(tasks) == 1:
        cursor.execute(_INSERT, _row(tasks[0]))
    elif len(tasks) < COPY_FROM or any(task.wait or task.due_at for task in tasks):
        cursor.executemany(_INSERT, [_row(task) for task in tasks])
    else:
        with cursor.copy(_COPY) as copy:
            for task in tasks:
                copy.write_row(_values(task))


def _values(task: NewTask) -> tuple[Any, ...]:
    headers, properties = json.dumps(task.headers), json.dumps(task.properties)
    return (str(task.id), task.name, task.engine, task.queue, headers, properties, task.body, task.ordered)


def _row(task: NewTask) -> tuple[Any, ...]:
    return (*_values(task), task.due_at, task.wait)
