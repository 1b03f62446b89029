"""The relay's settings, read from its environment."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from landfast_runtime.connections import Postgres, RabbitMQ

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from landfast_runtime.env import Env


@dataclass(frozen=True)
class Periods:
    """Time limits and retention.

    Args:
        lost: time after which a published task counts as lost unless a worker runs it; None turns that off, and then
            messages that the broker loses are lost (a test shows that).
        kept: time for which the row of a completed task is kept.
        kept_dead: time for which a dead letter is kept; None keeps it for good.
    """

    lost: timedelta = timedelta(seconds=30)
    kept: timedelta = timedelta(hours=1)
    kept_dead: timedelta = timedelta(days=90)


#: The file in /run/secrets with the databases of applications with durable tasks, and the vhost of each.
FILE = "databases.json"
#: The file in /run/secrets with the queues of the shared database that are in virtual hosts of applications.
QUEUES = "queues.json"


@dataclass(frozen=True)
class Route:
    """The database whose tasks are published, and their target.

    Args:
        postgres: the database.
        broker: the broker, with the virtual host of all queues but those in ``elsewhere``.
        elsewhere: queue -> its virtual host.
    """

    postgres: Postgres
    broker: RabbitMQ
    elsewhere: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Settings:
    """The relay's settings."""

    log_level: str
    routes: Sequence[Route]
    periods: Periods

    @classmethod
    def from_env(cls, env: Env) -> Settings:
        """Read ``LOG_LEVEL``, ``OUTBOX_*``, ``POSTGRES_*``, ``RABBITMQ_*``, their secrets and the derived files."""
        shared = Route(Postgres.from_env(env), RabbitMQ.from_env(env), _strings(env, QUEUES, "queues"))
        return cls(
            log_level=env.text("LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR")),
            routes=[
                shared,
                *(
                    Route(shared.postgres.of(database), replace(shared.broker, vhost=vhost))
                    for database, vhost in vhosts(env).items()
                ),
            ],
            periods=Periods(
                lost=timedelta(seconds=env.integer("OUTBOX_LOST_AFTER", default=30, minimum=0, maximum=86_400)),
                kept=timedelta(seconds=env.integer("OUTBOX_KEEP_DONE", default=3600, minimum=0, maximum=31_536_000)),
                kept_dead=timedelta(days=env.integer("OUTBOX_KEEP_DEAD", default=90, minimum=0, maximum=3650)),
            ),
        )


def databases_from_env(env: Env) -> Sequence[Postgres]:
    """Read ``POSTGRES_*``, the secret ``postgres_password`` and :data:`FILE`: all databases with durable tasks."""
    shared = Postgres.from_env(env)
    return [shared, *map(shared.of, vhosts(env))]


def vhosts(env: Env) -> Mapping[str, str]:
    """Read the vhost of each application's own database with durable tasks.

    Args:
        env: the folder of :data:`FILE`; a missing or malformed file is refused by name.
    """
    return _strings(env, FILE, "databases")


def _strings(env: Env, file: str, kind: str) -> Mapping[str, str]:
    """Read a derived file with the vhost of each of some things; a malformed one is refused by name."""
    text = env.secret(file, minimum_length=1)
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict) and all(isinstance(vhost, str) for vhost in found.values()):
        return found
    return env.refuse(file, f"must be JSON: {kind} with their vhosts; the contracts are read at each start", instead={})
