"""A cache that may be away: ``django-redis`` ignores a Redis that does not answer; here is what it lacks for that.

It asks again for every key, so that a page waits as often as it looks something up, and it logs a traceback each time.
docs/adr/0027-libraries-for-the-cache-and-graphql.md has the tests that fail without this module.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any

from django_redis.cache import RedisCache
from redis.connection import ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError

if TYPE_CHECKING:
    from redis.connection import Connection

logger = logging.getLogger(__name__)

#: Seconds for which Redis is left alone after it failed, so that an outage costs one page a wait and not every page.
PAUSE = 2.0


class PausingPool(ConnectionPool):
    """Connections to a Redis that may be away: once one has failed, none is given out for a while.

    All threads of a process share one pool, and with it the pause.
    """

    paused_until = 0.0

    def get_connection(self, *args: Any, **kwargs: Any) -> Connection:  # noqa: ANN401
        """Return a connection to Redis.

        Raises:
            RedisConnectionError: Redis is away, or was a moment ago.
        """
        if time.monotonic() < self.paused_until:
            raise RedisConnectionError("Redis failed a moment ago and is left alone.")
        return super().get_connection(*args, **kwargs)

    def release(self, connection: Connection) -> None:  # type: ignore[override] # as redis-py's own
        """Take a connection back; redis-py has closed it if it failed, and the exception is on its way."""
        if not connection.is_connected and time.monotonic() >= self.paused_until:
            self.paused_until = time.monotonic() + PAUSE
            logger.warning("the cache does not answer, going on without it for %g s: %s", PAUSE, sys.exception())
        super().release(connection)


class OptionalRedisCache(RedisCache):  # type: ignore[misc] # it has no types
    """The cache backend for ``CACHES``: django-redis's own, with Django's contract in an outage, too."""

    def touch(self, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401
        """Give a key another time to live; return whether it was there. django-redis lets exceptions through here."""
        try:
            return bool(super().touch(*args, **kwargs))
        except (RedisConnectionError, RedisTimeoutError):
            return False

    def incr(self, key: str, delta: int = 1, **kwargs: Any) -> int:  # noqa: ANN401
        """Count in one step on the server, and return the new number.

        Raises:
            ValueError: there is nothing to count, or Redis is away. django-redis answers None then.
        """
        counted: int | None = super().incr(key, delta, **kwargs)
        if counted is None:
            raise ValueError(f"Key {key!r} not found.")
        return counted

    def decr(self, key: str, delta: int = 1, **kwargs: Any) -> int:  # noqa: ANN401
        """Count backwards, as :meth:`incr` does forwards."""
        return self.incr(key, -delta, **kwargs)


def _is_refusal(record: logging.LogRecord) -> bool:
    """Tell whether django-redis logs what Redis refused; of what it did not answer the pool has warned already."""
    error = record.exc_info[1] if record.exc_info else None
    return error is not None and isinstance(error.__cause__, ResponseError)


logging.getLogger("django_redis.cache").addFilter(_is_refusal)
