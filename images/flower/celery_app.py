"""The Celery application that Flower watches workers through: a broker, and no task.

It keeps no results and reads none: Flower shows those that workers send in their events.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from landfast_runtime.celery import create_celery
from landfast_runtime.connections import RabbitMQ
from landfast_runtime.env import Env, load


@dataclass(frozen=True)
class FlowerSettings:
    """Whose workers Flower watches, its own login, and where it keeps what it has seen."""

    broker: RabbitMQ
    user: str
    password: str
    state: Path
    log_level: str

    @classmethod
    def from_env(cls, env: Env) -> FlowerSettings:
        """Read ``RABBITMQ_*``, ``FLOWER_*``, ``LOG_LEVEL`` and the secrets of both."""
        return cls(
            broker=RabbitMQ.from_env(env),
            user=env.text("FLOWER_USER", default="flower"),
            password=env.secret("flower_password"),
            state=Path(env.text("FLOWER_STATE", default="/var/lib/flower/state")),
            log_level=env.text("LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR")),
        )


settings = load("flower", FlowerSettings.from_env)

app = create_celery("flower", broker=settings.broker)
