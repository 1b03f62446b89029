"""A cache that may be away: whatever Redis fails to answer counts as a miss."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Concatenate, NoReturn

from django.core.cache.backends.redis import RedisCache, RedisCacheClient
from redis.exceptions import RedisError

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

#: Seconds for which Redis is left alone after it failed, so that an outage costs one page a wait and not every page.
PAUSE = 2.0


def _optional[**Arguments, Answer](
    method: Callable[Concatenate[Any, Arguments], Answer], miss: Callable[Arguments, Answer]
) -> Callable[Concatenate[OptionalRedisClient, Arguments], Answer]:
    """Return ``method`` so that it answers as ``miss`` does while Redis is away."""

    def attempt(client: OptionalRedisClient, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        if time.monotonic() < client.paused_until:
            return miss(*args, **kwargs)
        try:
            return method(client, *args, **kwargs)
        except (RedisError, OSError) as error:
            client.paused_until = time.monotonic() + PAUSE
            logger.warning("the cache does not answer, going on without it for %g s: %s", PAUSE, error)
            return miss(*args, **kwargs)

    return attempt


def _nothing(*_args: object, **_kwargs: object) -> None:
    """Stand in for what has no answer."""


def _no(*_args: object, **_kwargs: object) -> bool:
    """Stand in for what tells whether something was found or done."""
    return False


def _empty(*_args: object, **_kwargs: object) -> dict[Any, Any]:
    """Stand in for many values."""
    return {}


def _default(*arguments: object, **_kwargs: object) -> object:
    """Stand in for one value: the caller's default, its last argument."""
    return arguments[-1]


def _unknown_key(key: object, *_args: object, **_kwargs: object) -> NoReturn:
    """Stand in for counting: Django's way of saying that there is nothing to count."""
    raise ValueError(f"Key {key!r} not found.")


class OptionalRedisClient(RedisCacheClient):
    """Django's Redis client, with a warning and a miss in place of an exception while Redis is away."""

    paused_until = 0.0

    add = _optional(RedisCacheClient.add, _no)
    get = _optional(RedisCacheClient.get, _default)
    set = _optional(RedisCacheClient.set, _nothing)
    touch = _optional(RedisCacheClient.touch, _no)
    delete = _optional(RedisCacheClient.delete, _no)
    get_many = _optional(RedisCacheClient.get_many, _empty)
    has_key = _optional(RedisCacheClient.has_key, _no)
    incr = _optional(RedisCacheClient.incr, _unknown_key)
    set_many = _optional(RedisCacheClient.set_many, _nothing)
    delete_many = _optional(RedisCacheClient.delete_many, _nothing)
    clear = _optional(RedisCacheClient.clear, _no)


class OptionalRedisCache(RedisCache):
    """The cache backend for ``CACHES``: Redis while it answers, nothing while it does not."""

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        """Talk to Redis through the client that may fail."""
        super().__init__(server, params)
        self._class = OptionalRedisClient
