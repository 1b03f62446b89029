"""Rate limits of API keys, with the headers of the IETF draft in every response.

Counts are in the cache's Redis, so that all processes share them. While Redis is away, each process counts for itself:
a temporarily less exact limit is better than errors, or than no limit.
https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

import limits.storage
import redis.exceptions
from flask import Flask, Response, current_app, g
from limits import RateLimitItemPerMinute
from limits.strategies import FixedWindowRateLimiter

from api.errors import ApiError, first_line

if TYPE_CHECKING:
    from landfast_runtime.connections import Redis

    from api.access import Caller

#: The name of the policy in the headers.
POLICY = "requests"

#: Seconds of a window.
WINDOW = 60

#: Seconds that Redis may take: a count is not worth a longer wait.
TIMEOUT = 0.25

#: Seconds after which Redis is tried again after a failure.
ASK_AGAIN = 5.0

_EXTENSION = "landfast.limits"


@dataclass(frozen=True)
class Standing:
    """A caller's state within the limit.

    Args:
        allowed: whether this request is within the limit.
        limit: requests in a window.
        remaining: remaining requests in this window.
        resets_in: seconds until the next window.
    """

    allowed: bool
    limit: int
    remaining: int
    resets_in: int


class Counter:
    """Counts requests in Redis, or in memory while Redis is away.

    Args:
        shared: the counter that all processes share.
        limit: the default of requests a minute.
    """

    def __init__(self, shared: limits.storage.Storage, limit: int) -> None:
        self.limit = limit
        self._shared = FixedWindowRateLimiter(shared)
        self._own = FixedWindowRateLimiter(limits.storage.MemoryStorage())
        self._away_until = 0.0

    def hit(self, name: str, limit: int | None = None) -> Standing:
        """Count one request of ``name`` and return the state."""
        item = RateLimitItemPerMinute(limit or self.limit)
        if time.monotonic() >= self._away_until:
            try:
                return _hit(self._shared, item, name)
            except redis.exceptions.RedisError as error:
                self._away_until = time.monotonic() + ASK_AGAIN
                current_app.logger.warning("rate limits are counted in memory", extra={"problem": first_line(error)})
        return _hit(self._own, item, name)


def _hit(limiter: FixedWindowRateLimiter, item: RateLimitItemPerMinute, name: str) -> Standing:
    allowed = limiter.hit(item, name)
    window = limiter.get_window_stats(item, name)
    resets_in = max(1, math.ceil(window.reset_time - time.time()))
    return Standing(allowed, item.amount, window.remaining if allowed else 0, min(resets_in, WINDOW))


def redis_storage(cache: Redis) -> limits.storage.Storage:
    """Return the counter that all processes share; the first request connects."""
    return limits.storage.RedisStorage(
        cache.url, key_prefix="api:limits", socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
    )


def init_limits(app: Flask, counter: Counter) -> None:
    """Set the counter of ``app``, and add the headers to its responses."""
    app.extensions[_EXTENSION] = counter
    app.after_request(_tell)


def count(caller: Caller) -> None:
    """Count this request, if it has a key.

    Raises:
        ApiError: the limit is exceeded.
    """
    if caller.key_id is None:
        return
    counter: Counter = current_app.extensions[_EXTENSION]
    standing = g.standing = counter.hit(caller.name, caller.requests_per_minute)
    if not standing.allowed:
        message = f"this API key is good for {standing.limit} requests a minute; wait {standing.resets_in} s"
        headers = {"Retry-After": str(standing.resets_in)}
        raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, message, headers=headers)


def _tell(response: Response) -> Response:
    standing: Standing | None = g.get("standing")
    if standing is not None:
        response.headers["RateLimit-Policy"] = f'"{POLICY}";q={standing.limit};w={WINDOW}'
        response.headers["RateLimit"] = f'"{POLICY}";r={standing.remaining};t={standing.resets_in}'
    return response
