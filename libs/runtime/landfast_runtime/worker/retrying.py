"""Retries of tasks."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

#: Retries wait 5 s, 10 s, 20 s ... and from then on up to half an hour each, with jitter: about a day in all.
FIRST_RETRY = 5
LONGEST_WAIT = 1800
RETRIES = 55


class FinalError(Exception):
    """A retry would fail as well, or do harm: the task is a dead letter at once."""


#: Options of tasks that depend on a server outside, and that are as useful tomorrow as today. Flower shows such a task
#: as RETRY, with its error. All errors are retried: a bug may be fixed within the day, too.
FOR_A_DAY: dict[str, Any] = {
    "autoretry_for": (Exception,),
    "dont_autoretry_for": (FinalError,),
    "retry_backoff": FIRST_RETRY,
    "retry_backoff_max": LONGEST_WAIT,
    "retry_jitter": True,
    "max_retries": RETRIES,
}


def unless_gone[Result](function: Callable[[], Result]) -> Result | None:
    """Call ``function``; there is nothing to do if its row was deleted since the task was sent.

    Args:
        function: raises a LookupError if its row does not exist.
    """
    try:
        return function()
    except LookupError as missing:
        logger.info("nothing to do", extra={"problem": str(missing)})
        return None
