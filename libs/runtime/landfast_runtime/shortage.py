"""Distinguishes a server that has run out of disk or memory from a server that is away: they need different help."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DISK, MEMORY = "disk", "memory"

#: PostgreSQL's codes. https://www.postgresql.org/docs/17/errcodes-appendix.html
SQLSTATES: Mapping[str, str] = {"53100": DISK, "53200": MEMORY}

#: The servers' other messages: the system's errors, Redis's codes (MISCONF: it cannot write its file), RabbitMQ's
#: alarms (https://www.rabbitmq.com/docs/connection-blocked).
_WORDS = {
    DISK: re.compile(r"no space left on device|disk quota exceeded|^MISCONF\b|low on (memory & )?disk", re.IGNORECASE),
    MEMORY: re.compile(r"^OOM command not allowed|^command not allowed when used memory|low on memory", re.IGNORECASE),
}


def shortage(error: BaseException) -> str | None:
    """Return the resource that a server lacks, ``disk`` or ``memory``, if that caused the error; else None.

    Args:
        error: a client library's exception, possibly wrapped by a framework.
    """
    for each in _causes(error):
        found = SQLSTATES.get(getattr(each, "sqlstate", None) or "") or lacking(str(each))
        if found:
            return found
    return None


def outage(server: str, error: BaseException) -> str:
    """Describe in a few words the outage of a server that could not serve a request.

    Args:
        server: the server's name for people.
        error: a client library's exception.
    """
    lack = shortage(error)
    return f"the {lack} of {server} is full" if lack else f"{server} does not answer"


def lacking(words: str) -> str | None:
    """Return the resource that a server lacks according to its message, ``disk`` or ``memory``, or None."""
    return next((what for what, pattern in _WORDS.items() if pattern.search(words)), None)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it wraps: SQLAlchemy keeps the driver's in ``orig``, Django as the cause."""
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        yield current
        original = getattr(current, "orig", None)
        current = original if isinstance(original, BaseException) else current.__cause__
