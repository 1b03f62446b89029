"""How tasks are tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from celery import Task

#: Retries wait 5 s, 10 s, 20 s ... and from then on up to half an hour each, with jitter: about a day in all.
FIRST_RETRY = 5
LONGEST_WAIT = 1800
RETRIES = 55

#: For what depends on somebody else's server, and is as good tomorrow as today. Flower shows such a task as RETRY, with
#: what went wrong. Whatever the reason: a mistake of ours may be mended within the day, too.
FOR_A_DAY: dict[str, Any] = {
    "autoretry_for": (Exception,),
    "retry_backoff": FIRST_RETRY,
    "retry_backoff_max": LONGEST_WAIT,
    "retry_jitter": True,
    "max_retries": RETRIES,
}

#: A task may start a moment before the transaction that it came from commits, and that may even be rolled back.
COMMIT_RETRIES = 5
COMMIT_WAIT = 1


def once_committed[Result](task: Task[Any, Any], function: Callable[[], Result]) -> Result | None:
    """Call ``function``; if its row is not there, try again a few times, and then take it that it was rolled back.

    Args:
        task: the running task.
        function: raises a LookupError while its row is not there.

    Raises:
        celery.exceptions.Retry: the row is not there yet.
    """
    try:
        return function()
    except LookupError as missing:
        if task.request.retries >= COMMIT_RETRIES:
            return None
        raise task.retry(exc=missing, countdown=COMMIT_WAIT * (task.request.retries + 1)) from None
