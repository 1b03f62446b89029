"""Addresses and users of the backing services: one dataclass for each, read from the environment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from landfast_runtime.env import Env


@dataclass(frozen=True)
class Postgres:
    """The PostgreSQL database and this service's role in it."""

    host: str
    port: int
    database: str
    user: str
    password: str = field(repr=False)

    @classmethod
    def from_env(cls, env: Env) -> Postgres:
        """Read ``POSTGRES_*`` and the secret ``postgres_password``."""
        return cls(
            host=env.text("POSTGRES_HOST", default="postgres"),
            port=env.integer("POSTGRES_PORT", default=5432, minimum=1, maximum=65535),
            database=env.text("POSTGRES_DB", default="landfast"),
            user=env.text("POSTGRES_USER"),
            password=env.secret("postgres_password"),
        )

    def of(self, database: str) -> Postgres:
        """Return the same server with another database; an empty name keeps the database."""
        return replace(self, database=database) if database else self

    @property
    def parameters(self) -> dict[str, Any]:
        """The arguments of the driver's ``connect``, including the password: never log them."""
        return {
            "host": self.host,
            "port": self.port,
            "dbname": self.database,
            "user": self.user,
            "password": self.password,
        }


@dataclass(frozen=True)
class Redis:
    """One Redis server, durable results or the cache, and this service's user on it."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """The ``redis://`` URL of database 0, including the password: never log it."""
        user, password = (quote(part, safe="") for part in (self.user, self.password))
        return f"redis://{user}:{password}@{self.host}:{self.port}/0"

    @classmethod
    def results_from_env(cls, env: Env) -> Redis:
        """Read ``REDIS_HOST``, ``REDIS_PORT``, ``REDIS_USER`` and the secret ``redis_password``."""
        return cls(
            host=env.text("REDIS_HOST", default="redis"),
            port=env.integer("REDIS_PORT", default=6379, minimum=1, maximum=65535),
            user=env.text("REDIS_USER"),
            password=env.secret("redis_password"),
        )

    @classmethod
    def cache_from_env(cls, env: Env) -> Redis:
        """Read ``REDIS_CACHE_HOST`` and ``REDIS_CACHE_PORT``; user and password are the same as for results."""
        return cls(
            host=env.text("REDIS_CACHE_HOST", default="redis-cache"),
            port=env.integer("REDIS_CACHE_PORT", default=6379, minimum=1, maximum=65535),
            user=env.text("REDIS_USER"),
            password=env.secret("redis_password"),
        )


@dataclass(frozen=True)
class RabbitMQ:
    """The message broker and this service's user on it."""

    host: str
    port: int
    vhost: str
    user: str
    password: str = field(repr=False)

    @property
    def url(self) -> str:
        """The ``amqp://`` URL, including the password: never log it."""
        user, password, vhost = (quote(part, safe="") for part in (self.user, self.password, self.vhost))
        return f"amqp://{user}:{password}@{self.host}:{self.port}/{vhost}"

    @classmethod
    def from_env(cls, env: Env) -> RabbitMQ:
        """Read ``RABBITMQ_*`` and the secret ``rabbitmq_password``."""
        return cls(
            host=env.text("RABBITMQ_HOST", default="rabbitmq"),
            port=env.integer("RABBITMQ_PORT", default=5672, minimum=1, maximum=65535),
            vhost=env.text("RABBITMQ_VHOST", default="landfast"),
            user=env.text("RABBITMQ_USER"),
            password=env.secret("rabbitmq_password"),
        )
