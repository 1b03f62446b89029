"""Completing a durable task in the transaction of its effect."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from landfast_outbox import runs, store
from landfast_outbox.exceptions import IgnoreError, OvertakenError
from landfast_outbox.task import as_json
from landfast_outbox.writing import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg import Connection

    from landfast_outbox.runs import Run


@contextmanager
def effect(result: Any = None) -> Iterator[Connection[Any]]:  # noqa: ANN401 - the body's return value
    """Open the transaction of a long task's effect; the same transaction records that the task is done.

    Args:
        result: the value that the body is going to return.

    Raises:
        OvertakenError: another run has completed the task; the block's effect is rolled back.
        RuntimeError: no long durable task runs here.
    """
    run = runs.current()
    if run is None or not run.long:
        raise RuntimeError("effect() belongs into the body of a durable task with long=True")
    with last_transaction(run, result) as connection:
        yield connection


@contextmanager
def last_transaction(run: Run, result: object, *, keep: bool = True) -> Iterator[Connection[Any]]:
    """Open a long task's last transaction, which completes the task at the end of the block.

    Args:
        run: the task's run.
        result: the task's result.
        keep: whether the result is kept, if the task keeps results.

    Raises:
        OvertakenError: another run has completed the task; nothing is committed.
    """
    with run.database.transaction() as connection:
        if not store.claim(connection, run.id).granted:
            raise OvertakenError
        with running(connection):
            yield connection
        complete(connection, run, result, keep=keep)
    run.completed = True


def complete(connection: Connection[Any], run: Run, result: object, *, keep: bool = True) -> None:
    """Record that the task is done, and commit.

    Args:
        connection: the transaction of the task's effect.
        run: the task's run.
        result: the task's result.
        keep: whether the result is kept, if the task keeps results.

    Raises:
        OvertakenError: the task was done already; nothing is committed.
    """
    kept = as_json("a task's result", result) if run.keep_result and keep else None
    run.database.ensure_it_commits()
    if not store.complete(connection, run.id, kept):
        raise OvertakenError


def earlier_result(claim: store.Claim) -> Any:  # noqa: ANN401 - the return value of an earlier run
    """Return the result of an earlier run, whose worker may have died before it reported the result.

    Raises:
        IgnoreError: no result was kept, or the task is not done.
    """
    if claim.result is None:
        raise IgnoreError
    return json.loads(claim.result)


def recorded_result(run: Run) -> Any:  # noqa: ANN401 - the return value of an earlier run
    """Read the task's row, and return the result in it.

    Raises:
        IgnoreError: no result was kept, or the task is not done.
    """
    with run.database.transaction() as connection:
        return earlier_result(store.claim(connection, run.id))
