"""The outbox of a running stack, read from its database."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.stack import Stack

_STATE = """
    SELECT CASE WHEN dead_at IS NOT NULL THEN 'dead' WHEN completed_at IS NOT NULL THEN 'done'
        WHEN published_at IS NULL THEN 'pending' ELSE 'in flight' END, COALESCE(result, ''), COALESCE(error, '')
    FROM outbox.task WHERE id = '{task}'
"""


def query(stack: Stack, sql: str) -> list[list[str]]:
    """Return the rows of a query."""
    command = ("psql", "--no-psqlrc", "-qAt", "-F", "\t", "-c", " ".join(sql.split()), "landfast")
    return [line.split("\t") for line in stack.execute("postgres", *command).splitlines()]


def state(stack: Stack, task: str) -> str:
    """Return the state of a task."""
    return query(stack, _STATE.format(task=task))[0][0]


def result(stack: Stack, task: str) -> str | None:
    """Return the result of a done task, as JSON; None while it is not done."""
    found, value, _ = query(stack, _STATE.format(task=task))[0]
    return value if found == "done" else None


def error(stack: Stack, task: str) -> str:
    """Return the first line of a task's error; empty if there is none."""
    return query(stack, _STATE.format(task=task))[0][2]


def send(stack: Stack, expression: str) -> str:
    """Send a task from the API, which may send some to the shared workers, and return its id.

    Args:
        stack: where.
        expression: Python that returns the id; it may use ``by_name`` and ``dramatiq`` of ``landfast_outbox``.
    """
    program = f"from landfast_outbox import by_name, dramatiq; print({expression})"
    return stack.execute("api-flask", "python", "-c", program).split()[-1]
