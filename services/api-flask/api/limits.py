"""Rate limits of API keys, and of addresses without a key, with the headers of the IETF draft in every response.

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
from flask import Flask, Response, current_app, g, request
from landfast_runtime import visitors
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

#: Requests that all addresses without a key may make in a window, as a multiple of what one of them may.
ALL_ADDRESSES = 10

#: The methods that change nothing. A stranger may repeat them: nothing is stored for them.
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

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
        limit: the default of requests a minute of a key.
        address_limit: the requests a minute of an address without a key.
    """

    def __init__(self, shared: limits.storage.Storage, limit: int, address_limit: int) -> None:
        self.limit = limit
        self.address_limit = address_limit
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
    """Count this request: of its key, or of its address.

    Raises:
        ApiError: the limit is exceeded.
    """
    counter: Counter = current_app.extensions[_EXTENSION]
    if caller.key_id is not None:
        _count(counter, caller.name, caller.requests_per_minute or counter.limit, "this API key is good for")
    else:
        _count(counter, _network(request.remote_addr), counter.address_limit, "an address without a key has")
        # After the address's own limit, so that one address alone cannot use up what all have.
        _count(counter, "addresses", counter.address_limit * ALL_ADDRESSES, "all addresses without a key have")


def _count(counter: Counter, name: str, limit: int, words: str) -> None:
    standing = counter.hit(name, limit)
    if not standing.allowed or "standing" not in g:
        g.standing = standing
    if not standing.allowed:
        message = f"{words} {standing.limit} requests a minute; wait {standing.resets_in} s"
        headers = {"Retry-After": str(standing.resets_in)}
        raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, message, headers=headers)


def _network(address: str | None) -> str:
    """Return the name under which an address is counted: itself, or the network of an IPv6 address."""
    return f"address:{visitors.network(address or '127.0.0.1')}"


def _tell(response: Response) -> Response:
    standing: Standing | None = g.get("standing")
    if standing is not None:
        response.headers["RateLimit-Policy"] = f'"{POLICY}";q={standing.limit};w={WINDOW}'
        response.headers["RateLimit"] = f'"{POLICY}";r={standing.remaining};t={standing.resets_in}'
    return response
