"""Flower's configuration, read from the environment, typed and checked."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, NotRequired, TypedDict

from landfast_runtime.connections import RabbitMQ

if TYPE_CHECKING:
    from collections.abc import Mapping

    from landfast_runtime.env import Env

#: The name in log lines, and the derived file with the vhosts. (contract/flower.py)
SERVICE, FILE = "flower", "vhosts.json"
#: The path prefix of the Flower that watches durable tasks.
SHARED = "/flower/"


class Place(TypedDict):
    """The address of the Flower of a vhost: its port, and its path prefix, from slash to slash.

    ``durable`` is set if tasks of the shared database are published there.
    """

    port: int
    path: str
    durable: NotRequired[bool]


@dataclass(frozen=True)
class FlowerSettings:
    """The settings of the Flower of one vhost: the watched broker, the login, and the file of its state.

    Args:
        broker: RabbitMQ, in the watched vhost.
        user: the user who may log in.
        password: the user's password.
        log_level: the lowest level in the log.
        shared_state: the state file of the Flower that watches durable tasks; the others are in the same folder.
        places: vhost -> the address of its Flower.
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
            ConfigError: one is missing or invalid.
        """
        return cls(
            broker=RabbitMQ.from_env(env),
            user=env.text("FLOWER_USER", default="flower"),
            password=env.secret("flower_password"),
            log_level=env.text("LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR")),
            shared_state=Path(env.text("FLOWER_STATE", default="/var/lib/flower/state")),
            places=env.derived(FILE),
        )

    def of(self, vhost: str) -> FlowerSettings:
        """Return the settings of another vhost, one of :attr:`places`."""
        return replace(self, broker=replace(self.broker, vhost=vhost))

    @property
    def place(self) -> Place:
        """The address."""
        return self.places[self.broker.vhost]

    @property
    def is_shared(self) -> bool:
        """Whether it watches the vhost of durable tasks, which belongs to no application."""
        return self.place["path"] == SHARED

    @property
    def is_in_console(self) -> bool:
        """Whether the console lists its durable tasks."""
        return self.is_shared or self.place.get("durable", False)

    @property
    def state(self) -> Path:
        """The state file."""
        name = self.shared_state.name
        return self.shared_state if self.is_shared else self.shared_state.with_name(f"{name}-{self.broker.vhost}")
