"""All settings of the API, read once; bad ones stop the service with a line for each."""

from __future__ import annotations

from dataclasses import dataclass

from landfast_runtime.connections import Postgres, Redis
from landfast_runtime.env import Env, load

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")


@dataclass(frozen=True)
class DatabaseSettings:
    """The settings of migrations, without any others: their container has no other secret."""

    log_level: str
    postgres: Postgres

    @classmethod
    def from_env(cls, env: Env) -> DatabaseSettings:
        """Read ``LOG_LEVEL``, ``POSTGRES_*`` and the secret ``postgres_password``."""
        return cls(
            log_level=env.text("LOG_LEVEL", default="INFO", choices=LOG_LEVELS),
            postgres=Postgres.from_env(env),
        )


@dataclass(frozen=True)
class Settings:
    """The settings of the API.

    uWSGI reads ``API_PROCESSES`` and ``API_THREADS`` from the environment itself; they are read here too so that a bad
    one is reported by its name, and because a process keeps one database connection for each of its threads.
    """

    service: str
    processes: int
    threads: int
    growth: int
    database: DatabaseSettings
    rate_limit: int
    address_rate_limit: int
    dramatiq: bool
    results: Redis
    cache: Redis

    @classmethod
    def from_env(cls, env: Env) -> Settings:
        """Read ``SERVICE_NAME``, ``API_*``, ``COMPOSE_PROFILES`` and the variables of the backing services."""
        return cls(
            service=env.text("SERVICE_NAME", default="api-flask"),
            processes=env.integer("API_PROCESSES", default=2, minimum=1, maximum=64),
            threads=env.integer("API_THREADS", default=4, minimum=1, maximum=64),
            growth=env.integer("API_GROWTH_MB", default=0, minimum=0, maximum=1_000_000),
            database=DatabaseSettings.from_env(env),
            rate_limit=env.integer("API_RATE_LIMIT", default=600, minimum=1, maximum=1_000_000),
            address_rate_limit=env.integer("API_ADDRESS_RATE_LIMIT", default=60, minimum=1, maximum=1_000_000),
            dramatiq="dramatiq" in env.text("COMPOSE_PROFILES", default="").split(","),
            results=Redis.results_from_env(env),
            cache=Redis.cache_from_env(env),
        )


def load_settings() -> Settings:
    """Return the API's settings, or stop the process with a line for each bad one."""
    return load("api-flask", Settings.from_env)


def load_database_settings() -> DatabaseSettings:
    """Return the migrations' settings, or stop the process with a line for each bad one."""
    return load("migrate-api", DatabaseSettings.from_env)


if __name__ == "__main__":
    # uWSGI runs this first: later it would restart a process that stops over and over.
    load_settings()
