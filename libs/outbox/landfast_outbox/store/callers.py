"""Statements of callers: a task is written in the transaction that it belongs to."""

from __future__ import annotations

import json
from itertools import batched
from typing import TYPE_CHECKING, Any, LiteralString, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from landfast_outbox.task import NewTask

#: The most tasks in one statement: their bodies are in memory together.
AT_ONCE = 200

# Into the table, and not through the view: its trigger would run for each row. No COPY: PostgreSQL refuses it here.
_INSERT: LiteralString = """
    INSERT INTO outbox.stored_task (id, name, engine, queue, headers, properties, body, ordered, due_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, COALESCE(%s, clock_timestamp() + COALESCE(%s, interval '0')))
"""

_INSERT_MANY: LiteralString = """
    INSERT INTO outbox.stored_task (id, name, engine, queue, headers, properties, body, ordered, due_at)
    SELECT id, name, engine, queue, headers, properties, body, ordered,
        COALESCE(due_at, clock_timestamp() + COALESCE(wait, interval '0'))
    FROM unnest(
        %s::uuid[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::jsonb[], %s::text[], %s::boolean[],
        %s::timestamptz[], %s::interval[]
    ) AS given (id, name, engine, queue, headers, properties, body, ordered, due_at, wait)
"""


class Cursor(Protocol):
    """The methods of a cursor that writing needs: Django's and psycopg's cursors have them."""

    def execute(self, query: LiteralString, params: Sequence[Any] = ..., /) -> object:
        """Run one statement."""


def insert(cursor: Cursor, tasks: Sequence[NewTask]) -> None:
    """Write tasks into the cursor's transaction."""
    for queue in sorted({task.queue for task in tasks if task.ordered}):
        # Other writers to the queue wait until this transaction ends, so that tasks commit in the order of writing.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('outbox.write.' || %s, 0))", (queue,))
    if len(tasks) == 1:
        cursor.execute(_INSERT, _row(tasks[0]))
        return
    for some in batched(tasks, AT_ONCE, strict=False):
        cursor.execute(_INSERT_MANY, [list(column) for column in zip(*map(_row, some), strict=True)])


def _row(task: NewTask) -> tuple[Any, ...]:
    headers, properties = json.dumps(task.headers), json.dumps(task.properties)
    written = (str(task.id), task.name, task.engine, task.queue, headers, properties, task.body, task.ordered)
    return (*written, task.due_at, task.wait)
