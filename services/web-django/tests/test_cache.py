"""The cache while Redis is away."""

from __future__ import annotations

import logging
import socket
import time
from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.core.cache import caches
from django.test import override_settings
from mysite import cache as cache_module
from mysite import settings as real_settings
from mysite.cache import OptionalRedisCache

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.test import Client
    from news.models import Article


@pytest.fixture
def cache() -> OptionalRedisCache:
    """Return the cache of the real settings, whose Redis is a port where nobody listens."""
    with override_settings(CACHES=real_settings.CACHES):
        found = caches.create_connection("default")
    assert isinstance(found, OptionalRedisCache)
    return found


def test_it_counts_everything_as_a_miss(cache: OptionalRedisCache) -> None:
    cache.set("key", 1)
    assert cache.get("key") is None
    assert cache.get("key", "default") == "default"
    assert cache.get_or_set("key", lambda: "computed") == "computed"
    assert cache.add("key", 1) is False
    assert cache.touch("key") is False
    assert cache.delete("key") is False
    assert cache.has_key("key") is False
    assert cache.get_many(["one", "two"]) == {}
    assert cache.set_many({"one": 1}) == []
    cache.delete_many(["one"])
    cache.clear()
    with pytest.raises(ValueError, match="not found"):
        cache.incr("key")


def test_it_warns_once_and_leaves_redis_alone_for_a_while(
    cache: OptionalRedisCache, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("mysite.cache.time.monotonic", lambda: now)
    with caplog.at_level(logging.WARNING, logger="mysite.cache"):
        for _ in range(3):
            cache.get("key")
        assert len(caplog.records) == 1
        now += cache_module.PAUSE + 0.1
        cache.get("key")
    assert len(caplog.records) == 2


def test_it_shows_no_password_in_its_warning(cache: OptionalRedisCache, caplog: pytest.LogCaptureFixture) -> None:
    cache.get("key")
    assert real_settings.SITE.cache.password not in caplog.text


@pytest.fixture
def silent_server() -> Iterator[int]:
    """Return the port of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_it_does_not_wait_for_a_redis_that_hangs(silent_server: int) -> None:
    options = real_settings.CACHES["default"] | {"LOCATION": f"redis://:password@127.0.0.1:{silent_server}/0"}
    with override_settings(CACHES={"default": options}):
        cache = caches.create_connection("default")
    started = time.monotonic()
    assert cache.get("key") is None
    assert time.monotonic() - started < 2


def test_it_still_shows_the_site(client: Client, make_article: Callable[..., Article]) -> None:
    make_article("On knots")
    with override_settings(CACHES=real_settings.CACHES):
        assert "On knots" in client.get("/").content.decode()
    assert settings.CACHES["default"]["BACKEND"].endswith("LocMemCache")
