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
from django_redis.exceptions import ConnectionInterrupted
from landfast_testing.waiting import PATIENCE
from mysite import cache as cache_module
from mysite import settings as real_settings
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.core.cache import BaseCache
    from django.test import Client
    from news.models import Article

WARNINGS = "mysite.cache"


def test_it_counts_everything_as_a_miss(away: BaseCache) -> None:
    away.set("key", 1)
    assert away.get("key") is None
    assert away.get("key", "default") == "default"
    assert away.get_or_set("key", lambda: "computed") == "computed"
    assert not away.add("key", 1)
    assert not away.touch("key")
    assert not away.delete("key")
    assert not away.has_key("key")
    assert away.get_many(["one", "two"]) == {}
    assert not away.set_many({"one": 1})
    away.delete_many(["one"])
    away.clear()
    with pytest.raises(ValueError, match="not found"):
        away.incr("key")
    with pytest.raises(ValueError, match="not found"):
        away.decr("key")


def test_it_warns_once_and_leaves_redis_alone_for_a_while(
    away: BaseCache, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("mysite.cache.time.monotonic", lambda: now)
    for _ in range(3):
        away.get("key")
    assert [(record.name, record.levelname) for record in caplog.records] == [(WARNINGS, "WARNING")]
    assert "refused" in caplog.text
    now += cache_module.PAUSE + 0.1
    away.get("key")
    assert len(caplog.records) == 2


def test_it_leaves_redis_alone_in_every_thread(away: BaseCache, caplog: pytest.LogCaptureFixture) -> None:
    """Django gives each thread a cache of its own."""
    with override_settings(CACHES=real_settings.CACHES):
        others = [caches.create_connection("default") for _ in range(3)]
    for cache in (away, *others):
        assert cache.get("key") is None
    assert len(caplog.records) == 1


def test_it_shows_no_password_in_its_warning(away: BaseCache, caplog: pytest.LogCaptureFixture) -> None:
    away.get("key")
    assert caplog.text
    assert real_settings.SITE.cache.password not in caplog.text


@pytest.mark.parametrize(("cause", "logged"), [(NoPermissionError("no right"), True), (RedisConnectionError(), False)])
def test_it_logs_what_redis_refuses(cause: Exception, logged: bool, caplog: pytest.LogCaptureFixture) -> None:  # noqa: FBT001 - the tested value
    error = ConnectionInterrupted(None)
    error.__cause__ = cause
    logging.getLogger("django_redis.cache").error("Exception ignored", exc_info=error)
    assert bool(caplog.records) is logged


@pytest.fixture
def silent_server() -> Iterator[int]:
    """Return the port of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.usefixtures("away")
def test_it_does_not_wait_for_a_redis_that_hangs(silent_server: int, caplog: pytest.LogCaptureFixture) -> None:
    options = real_settings.CACHES["default"] | {"LOCATION": f"redis://:password@127.0.0.1:{silent_server}/0"}
    with override_settings(CACHES={"default": options}):
        cache = caches.create_connection("default")
    started = time.monotonic()
    for _ in range(200):
        assert cache.get("key") is None
    assert time.monotonic() - started < 2 * PATIENCE
    assert "Timeout" in caplog.text


def test_it_keeps_values_as_data_that_runs_no_code() -> None:
    """Otherwise a service with access to Redis could leave a pickle there that runs as code of the site."""
    with override_settings(CACHES=real_settings.CACHES):
        client = caches.create_connection("default").client  # type: ignore[attr-defined]
    assert client.encode({"since": [1.5], "ok": True}) == b'{"since": [1.5], "ok": true}'
    assert client.encode(7) == 7
    assert client.decode(b"7") == 7


def test_its_keys_are_those_that_its_user_may_use_and_no_release_pickled() -> None:
    with override_settings(CACHES=real_settings.CACHES):
        cache = caches.create_connection("default")
    assert str(cache.make_key("key")) == "web:2:key"


def test_it_still_shows_the_site(client: Client, make_article: Callable[..., Article]) -> None:
    make_article("On knots")
    with override_settings(CACHES=real_settings.CACHES):
        assert "On knots" in client.get("/").content.decode()
    assert settings.CACHES["default"]["BACKEND"].endswith("LocMemCache")
