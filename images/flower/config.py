"""Everything that Flower's processes read from their surroundings, typed and checked once."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from landfast_runtime.connections import RabbitMQ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from landfast_runtime.env import Env

#: The name that log lines carry, and the derived file with the vhosts. (contract/flower.py)
SERVICE, FILE = "flower", "vhosts.json"
#: The beginning of the addresses of the process that watches durable tasks.
SHARED = "/flower/"


class Place(TypedDict):
    """Where the process of a vhost answers: its port, and what its addresses begin with, from slash to slash."""

    port: int
    path: str


@dataclass(frozen=True)
class FlowerSettings:
    """The settings of one process: whose workers it watches, its login, and where it keeps what it has seen.

    Args:
        broker: RabbitMQ, in the vhost that is watched.
        user: who may log in.
        password: the user's.
        log_level: the least important level that is logged.
        shared_state: the file of the process that watches durable tasks; those of others stand beside it.
        places: vhost -> where its process answers.
    """

    broker: RabbitMQ
    user: str
    password: str = field(repr=False)
    log_level: str
    shared_state: Path
    places: Mapping[str, Place]

    @classmethod
    def from_env(cls, env: Env) -> FlowerSettings:
        """Read ``RABBITMQ_*``, ``FLOWER_*``, ``LOG_LEVEL``, the secrets of both, and :data:`FILE`.

        Raises:
            ConfigError: one is missing or makes no sense.
        """
        broker, places = RabbitMQ.from_env(env), env.derived(FILE)
        if places and broker.vhost not in places:
            env.refuse("RABBITMQ_VHOST", f"is {broker.vhost!r}, must be one of {', '.join(places)}", instead=None)
        return cls(
            broker=broker,
            user=env.text("FLOWER_USER", default="flower"),
            password=env.secret("flower_password"),
            log_level=env.text("LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR")),
            shared_state=Path(env.text("FLOWER_STATE", default="/var/lib/flower/state")),
            places=places,
        )

    @property
    def place(self) -> Place:
        """Where the process answers."""
        return self.places[self.broker.vhost]

    @property
    def is_shared(self) -> bool:
        """Whether it watches the vhost of durable tasks, which is no application's."""
        return self.place["path"] == SHARED

    @property
    def state(self) -> Path:
        """Where the process keeps what it has seen."""
        name = self.shared_state.name
        return self.shared_state if self.is_shared else self.shared_state.with_name(f"{name}-{self.broker.vhost}")
