"""What the relay reads from its environment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from landfast_runtime.connections import Postgres, RabbitMQ

if TYPE_CHECKING:
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


@dataclass(frozen=True)
class Settings:
    """What the relay reads from its environment."""

    log_level: str
    postgres: Postgres
    broker: RabbitMQ
    periods: Periods

    @classmethod
    def from_env(cls, env: Env) -> Settings:
        """Read ``LOG_LEVEL``, ``OUTBOX_*``, ``POSTGRES_*``, ``RABBITMQ_*`` and their secrets."""
        return cls(
            log_level=env.text("LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR")),
            postgres=Postgres.from_env(env),
            broker=RabbitMQ.from_env(env),
            periods=Periods(
                lost=timedelta(seconds=env.integer("OUTBOX_LOST_AFTER", default=30, minimum=0, maximum=86_400)),
                kept=timedelta(seconds=env.integer("OUTBOX_KEEP_DONE", default=3600, minimum=0, maximum=31_536_000)),
                kept_dead=timedelta(days=env.integer("OUTBOX_KEEP_DEAD", default=90, minimum=0, maximum=3650)),
            ),
        )
