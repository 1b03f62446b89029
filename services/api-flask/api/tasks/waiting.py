"""The backlog of a queue to which strangers send tasks: beyond a bound, they send none."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from sqlalchemy import text

from api.errors import ApiError

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

#: The most tasks of a queue that wait or run; a worker that is away for long finds no more.
MOST = 10_000

#: Seconds after which a caller may try again.
RETRY_AFTER = 60

# The conditions are those of the outbox's partial indexes.
_BACKLOG = """
    SELECT count(*) FROM (
        (SELECT FROM outbox.task
         WHERE queue = :queue AND published_at IS NULL AND completed_at IS NULL AND dead_at IS NULL LIMIT :most)
        UNION ALL
        (SELECT FROM outbox.task
         WHERE queue = :queue AND published_at IS NOT NULL AND completed_at IS NULL AND dead_at IS NULL LIMIT :most)
    ) AS waiting
"""


def check_backlog(session: Session, queue: str) -> None:
    """Make sure that a queue has room for another task.

    Raises:
        ApiError: it has none.
    """
    if (session.scalar(text(_BACKLOG), {"queue": queue, "most": MOST}) or 0) >= MOST:
        message = f"{MOST} tasks wait already; try again once workers have done some"
        headers = {"Retry-After": str(RETRY_AFTER)}
        raise ApiError(HTTPStatus.SERVICE_UNAVAILABLE, message, headers=headers)
