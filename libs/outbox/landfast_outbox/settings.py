"""What the relay reads from its environment."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from landfast_runtime.connections import Postgres, RabbitMQ

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from landfast_runtime.env import Env


@dataclass(frozen=True)
class Periods:
    """How long things may take.

    Args:
        lost: since a task was published, after which it counts as lost unless somebody works on it; none turns that
            off, and what the broker loses is lost (a test shows that).
        kept: since a task was completed, after which its row is deleted.
        kept_dead: since a task became a dead letter, after which its row is deleted; none keeps it for good.
    """

    lost: timedelta = timedelta(seconds=30)
    kept: timedelta = timedelta(hours=1)
    kept_dead: timedelta = timedelta(days=90)


#: The file in /run/secrets that names the databases of applications which have durable tasks, and the vhost of each.
FILE = "databases.json"


@dataclass(frozen=True)
class Route:
    """From which database tasks are published, and where to."""

    postgres: Postgres
    broker: RabbitMQ


@dataclass(frozen=True)
class Settings:
    """What the relay reads from its environment."""

    log_level: str
    routes: Sequence[Route]
    periods: Periods

    @classmethod
    def from_env(cls, env: Env) -> Settings:
        """Read ``LOG_LEVEL``, ``OUTBOX_*``, ``POSTGRES_*``, ``RABBITMQ_*``, their secrets and :data:`FILE`."""
        shared = Route(Postgres.from_env(env), RabbitMQ.from_env(env))
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
    """Read ``POSTGRES_*``, the secret ``postgres_password`` and :data:`FILE`: all databases that have durable tasks."""
    shared = Postgres.from_env(env)
    return [shared, *map(shared.of, vhosts(env))]


def vhosts(env: Env) -> Mapping[str, str]:
    """Read which databases of applications' own have durable tasks, and the vhost of each.

    Args:
        env: says where :data:`FILE` is; it is refused by name if it is missing or has another shape.
    """
    text = env.secret(FILE, minimum_length=1)
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict) and all(isinstance(vhost, str) for vhost in found.values()):
        return found
    return env.refuse(
        FILE, "must be JSON: databases with their vhosts; the contracts are read at each start", instead={}
    )
