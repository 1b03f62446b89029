"""Lanes: which queues a worker consumes, and how. An application names its own, and ``WORKER_LANE`` chooses one.

Tasks that wait for somebody else's server want a lane of their own: docs/adr/0022 has the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from landfast_runtime.env import Env, load

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Lane:
    """Queues that a worker consumes, and how.

    Args:
        queues: their names.
        pool: Celery's: processes (``prefork``) for what computes, ``threads`` for what waits. Threads cost next to no
            memory, but Celery ends none at a time limit: such tasks need limits of their own.
        waiting: tasks that wait in the worker beside each that runs.
    """

    queues: tuple[str, ...]
    pool: str = "prefork"
    waiting: int = 1

    @property
    def celery(self) -> dict[str, object]:
        """Celery's settings for it."""
        return {
            "worker_pool": self.pool,
            "worker_prefetch_multiplier": 1 + self.waiting,
            # A thread cannot be ended from outside: its task goes on, and a second delivery finds it held or done.
            "worker_cancel_long_running_tasks_on_connection_loss": self.pool == "prefork",
        }


def chosen(lanes: Mapping[str, Lane]) -> Lane:
    """Return the lane that ``WORKER_LANE`` names; a name that is none stops the process with a line that says so.

    Args:
        lanes: the application's; the first one is that of a worker without the variable.
    """

    def read(env: Env) -> str:
        return env.text("WORKER_LANE", default=next(iter(lanes)), choices=tuple(lanes))

    return lanes[load("worker", read)]
