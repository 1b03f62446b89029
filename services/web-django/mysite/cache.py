"""A cache that may be away: an addition to ``django-redis``, which ignores a Redis that does not answer.

django-redis retries for every key, so that a page waits at each look-up, and logs a traceback each time.
docs/adr/0027-libraries-for-the-cache-and-graphql.md has the tests that fail without this module.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING, Any

from django_redis.cache import RedisCache
from redis.backoff import NoBackoff
from redis.connection import ConnectionPool
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

if TYPE_CHECKING:
    from redis.connection import Connection

logger = logging.getLogger(__name__)

#: Seconds for which Redis is not used after a failure, so that in an outage one page waits and not every page.
PAUSE = 2.0


class PausingPool(ConnectionPool):
    """Connections to a Redis that may be away: after a failure, the pool returns none for a while.

    All threads of a process share one pool, and its pause.
    """

    paused_until = 0.0

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - redis-py's own
        """Make the pool; an attempt that fails is not repeated.

        The settings do not say so: they would load redis-py, 6 MiB, in workers and beat before any task asks the cache.
        """
        super().__init__(retry=Retry(NoBackoff(), 0), **options)

    def get_connection(self, *args: Any, **kwargs: Any) -> Connection:  # noqa: ANN401
        """Return a connection to Redis.

        Raises:
            RedisConnectionError: Redis is away, or failed a moment ago.
        """
        if time.monotonic() < self.paused_until:
            raise RedisConnectionError("Redis failed a moment ago and is not used for a while.")
        return super().get_connection(*args, **kwargs)

    def release(self, connection: Connection) -> None:  # type: ignore[override] # like redis-py's own
        """Release a connection; redis-py has closed it if it failed, and the exception propagates."""
        if not connection.is_connected and time.monotonic() >= self.paused_until:
            self.paused_until = time.monotonic() + PAUSE
            logger.warning("the cache does not answer, going on without it for %g s: %s", PAUSE, sys.exception())
        super().release(connection)


class OptionalRedisCache(RedisCache):  # type: ignore[misc] # it has no types
    """The cache backend for ``CACHES``: django-redis's own, which keeps to Django's contract in an outage, too."""

    def touch(self, *args: Any, **kwargs: Any) -> bool:  # noqa: ANN401
        """Set a key's time to live; return whether the key existed. django-redis does not catch exceptions here."""
        try:
            return bool(super().touch(*args, **kwargs))
        except (RedisConnectionError, RedisTimeoutError):
            return False

    def incr(self, key: str, delta: int = 1, **kwargs: Any) -> int:  # noqa: ANN401
        """Increment a number atomically on the server, and return the new number.

        Raises:
            ValueError: the key does not exist, or Redis is away. django-redis returns None then.
        """
        counted: int | None = super().incr(key, delta, **kwargs)
        if counted is None:
            raise ValueError(f"Key {key!r} not found.")
        return counted

    def decr(self, key: str, delta: int = 1, **kwargs: Any) -> int:  # noqa: ANN401
        """Decrement a number; see :meth:`incr`."""
        return self.incr(key, -delta, **kwargs)


def _is_refusal(record: logging.LogRecord) -> bool:
    """Return whether a record is about a refusal by Redis; the pool itself has logged an outage."""
    error = record.exc_info[1] if record.exc_info else None
    return error is not None and isinstance(error.__cause__, ResponseError)


logging.getLogger("django_redis.cache").addFilter(_is_refusal)
