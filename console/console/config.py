"""Everything that the console reads from its environment, typed and checked once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from landfast_outbox.settings import vhosts
from landfast_runtime.connections import Postgres, RabbitMQ, Redis
from landfast_runtime.env import Env, load

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

SERVICE = "console"
#: The address of the Flower for durable tasks.
FLOWER = "/flower/"

REQUIRED = "required"
SECOND_FACTOR = (REQUIRED, "optional")
LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True)
class Console:
    """The configuration that the settings module needs, for every command."""

    secret_key: str = field(repr=False)
    public_url: str
    cookie_secure: bool
    log_level: str
    second_factor_is_required: bool
    postgres: Postgres

    @classmethod
    def from_env(cls, env: Env) -> Console:
        """Read the console's variables and secrets.

        Raises:
            ConfigError: one is missing or invalid.
        """
        return cls(
            secret_key=env.secret("console_secret_key", minimum_length=32),
            public_url=env.text("PUBLIC_URL", default="http://localhost:8080").rstrip("/"),
            cookie_secure=env.boolean("COOKIE_SECURE", default=True),
            log_level=env.text("LOG_LEVEL", default="INFO", choices=LOG_LEVELS),
            second_factor_is_required=env.text("OPERATORS_SECOND_FACTOR", default=REQUIRED, choices=SECOND_FACTOR)
            == REQUIRED,
            postgres=Postgres.from_env(env),
        )


@dataclass(frozen=True)
class Dependencies:
    """The servers that readiness checks.

    Args:
        results: the Redis with results.
        cache: the Redis with the cache.
        rabbitmq: the broker, in the vhost of durable tasks.
    """

    results: Redis
    cache: Redis
    rabbitmq: RabbitMQ

    @classmethod
    def from_env(cls, env: Env) -> Dependencies:
        """Read ``REDIS_*``, ``RABBITMQ_*``, their secrets, and check the derived files.

        Raises:
            ConfigError: one is missing or invalid.
        """
        applications(env)
        flowers(env)
        databases(env)
        return cls(
            results=Redis.results_from_env(env), cache=Redis.cache_from_env(env), rabbitmq=RabbitMQ.from_env(env)
        )


@dataclass(frozen=True)
class Operator:
    """The first operator, made at the first release."""

    username: str
    password: str = field(repr=False)

    @classmethod
    def from_env(cls, env: Env) -> Operator:
        """Read ``OPERATOR_USER`` and the secret ``operator_password``.

        Raises:
            ConfigError: one is missing or invalid.
        """
        return cls(env.text("OPERATOR_USER", default="operator"), env.secret("operator_password"))


def applications(env: Env) -> Mapping[str, Mapping[str, str]]:
    """Return name in the report -> the check of an application, from its contract.

    The file is read again for each report: on a laptop it changes while the console runs.

    Raises:
        ConfigError: the derived file ``readiness.json`` is missing or not JSON.
    """
    return env.derived("readiness.json")


def databases(env: Env) -> Collection[str]:
    """Return the applications' own databases with durable tasks; the list may change, like :func:`applications`.

    Raises:
        ConfigError: the derived file ``databases.json`` is missing or has another shape.
    """
    return vhosts(env).keys()


def flowers(env: Env) -> Mapping[str, str]:
    """Return the address of each Flower -> its name, with the vhost of an application.

    Raises:
        ConfigError: the derived file ``vhosts.json`` is missing or not JSON.
    """
    places = {place["path"]: vhost for vhost, place in env.derived("vhosts.json").items()}
    return {path: "Flower" if path == FLOWER else f"Flower: {vhost}" for path, vhost in places.items()}


@cache
def service() -> str:
    """Return the name of this process in log lines: the one-shot has a name of its own."""
    return Env().text("SERVICE_NAME", default=SERVICE)


@cache
def console() -> Console:
    """Return the configuration, or stop the process with a line for each problem."""
    return load(SERVICE, Console.from_env)


@cache
def dependencies() -> Dependencies:
    """Return the servers that readiness checks, or stop the process with a line for each problem."""
    return load(SERVICE, Dependencies.from_env)


@cache
def operator() -> Operator:
    """Return the first operator, or stop the process with a line for each problem."""
    return load(SERVICE, Operator.from_env)
