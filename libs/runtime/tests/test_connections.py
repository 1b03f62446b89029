from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import pytest
from landfast_runtime.connections import Postgres, RabbitMQ, Redis
from landfast_runtime.env import ConfigError, Env

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PASSWORD = "p@ss/w:rd?&%#-16-long"


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    for name in ("postgres_password", "redis_password", "rabbitmq_password"):
        (tmp_path / name).write_text(PASSWORD)
    return {"SECRETS_DIR": str(tmp_path), "POSTGRES_USER": "web", "RABBITMQ_USER": "web", "REDIS_USER": "web"}


def test_defaults_are_the_names_inside_the_stack(variables: dict[str, str]) -> None:
    env = Env(variables)

    assert Postgres.from_env(env) == Postgres("postgres", 5432, "landfast", "web", PASSWORD)
    assert Redis.results_from_env(env) == Redis("redis", 6379, "web", PASSWORD)
    assert Redis.cache_from_env(env) == Redis("redis-cache", 6379, "web", PASSWORD)
    assert RabbitMQ.from_env(env) == RabbitMQ("rabbitmq", 5672, "landfast", "web", PASSWORD)


def test_results_and_cache_are_two_servers(variables: dict[str, str]) -> None:
    env = Env({**variables, "REDIS_HOST": "one", "REDIS_CACHE_HOST": "two", "REDIS_CACHE_PORT": "6380"})

    assert (Redis.results_from_env(env).host, Redis.results_from_env(env).port) == ("one", 6379)
    assert (Redis.cache_from_env(env).host, Redis.cache_from_env(env).port) == ("two", 6380)


def test_a_url_survives_any_password() -> None:
    redis = urlsplit(Redis("redis", 6379, "web", PASSWORD).url)
    rabbitmq = urlsplit(RabbitMQ("rabbitmq", 5672, "a/b", "web", PASSWORD).url)

    assert (redis.hostname, redis.port, redis.username, redis.path) == ("redis", 6379, "web", "/0")
    assert unquote(redis.password or "") == PASSWORD
    assert (rabbitmq.hostname, rabbitmq.port, rabbitmq.username) == ("rabbitmq", 5672, "web")
    assert unquote(rabbitmq.password or "") == PASSWORD
    assert unquote(rabbitmq.path[1:]) == "a/b"


@pytest.mark.parametrize("read", [Postgres.from_env, Redis.results_from_env, Redis.cache_from_env, RabbitMQ.from_env])
def test_no_password_shows_when_it_is_printed(variables: dict[str, str], read: Callable[[Env], object]) -> None:
    assert PASSWORD not in repr(read(Env(variables)))


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (Postgres.from_env, "POSTGRES_PORT"),
        (Redis.results_from_env, "REDIS_PORT"),
        (Redis.cache_from_env, "REDIS_CACHE_PORT"),
        (RabbitMQ.from_env, "RABBITMQ_PORT"),
    ],
)
@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_must_be_one(variables: dict[str, str], read: Callable[[Env], object], name: str, port: str) -> None:
    with pytest.raises(ConfigError) as error:
        read(Env({**variables, name: port}))

    assert error.value.name == name


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (Postgres.from_env, "POSTGRES_USER"),
        (RabbitMQ.from_env, "RABBITMQ_USER"),
        (Redis.results_from_env, "REDIS_USER"),
        (Redis.cache_from_env, "REDIS_USER"),
    ],
)
def test_a_user_has_no_default(variables: dict[str, str], read: Callable[[Env], object], name: str) -> None:
    with pytest.raises(ConfigError, match="is not set") as error:
        read(Env({**variables, name: ""}))

    assert error.value.name == name
