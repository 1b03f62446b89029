"""How tasks are tried again."""

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
    """Another run would fail as well, or do harm: the task is a dead letter at once."""


#: For what depends on somebody else's server, and is as good tomorrow as today. Flower shows such a task as RETRY, with
#: what went wrong. Whatever the reason: a mistake of ours may be mended within the day, too.
FOR_A_DAY: dict[str, Any] = {
    "autoretry_for": (Exception,),
    "dont_autoretry_for": (FinalError,),
    "retry_backoff": FIRST_RETRY,
    "retry_backoff_max": LONGEST_WAIT,
    "retry_jitter": True,
    "max_retries": RETRIES,
}


def unless_gone[Result](function: Callable[[], Result]) -> Result | None:
    """Call ``function``, and take it that there is nothing to do if its row was deleted since the task was sent.

    Args:
        function: raises a LookupError while its row is not there.
    """
    try:
        return function()
    except LookupError as missing:
        logger.info("nothing to do", extra={"problem": str(missing)})
        return None
