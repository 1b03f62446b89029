"""Lanes: the queues of a worker, and its pool. An application defines its lanes, and ``WORKER_LANE`` chooses one.

Tasks that wait for a server outside need a lane of their own: docs/adr/0022 has the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from landfast_runtime.env import Env, load

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Lane:
    """The queues of a worker, and its pool.

    Args:
        queues: the queues' names.
        pool: Celery's pool: processes (``prefork``) for tasks that compute, ``threads`` for tasks that wait. Threads
            cost next to no memory, but Celery enforces no time limit on them: such tasks need limits of their own.
        waiting: tasks that wait in the worker beside each running one.
    """

    queues: tuple[str, ...]
    pool: str = "prefork"
    waiting: int = 1

    @property
    def celery(self) -> dict[str, object]:
        """Celery's settings for the lane."""
        return {
            "worker_pool": self.pool,
            "worker_prefetch_multiplier": 1 + self.waiting,
            # A thread cannot be stopped from outside: its task goes on, and a second delivery finds it locked or done.
            "worker_cancel_long_running_tasks_on_connection_loss": self.pool == "prefork",
        }


def chosen(lanes: Mapping[str, Lane]) -> Lane:
    """Return the lane that ``WORKER_LANE`` names; an unknown name stops the process with a clear line.

    Args:
        lanes: the application's lanes; the first is the default.
    """

    def read(env: Env) -> str:
        return env.text("WORKER_LANE", default=next(iter(lanes)), choices=tuple(lanes))

    return lanes[load("worker", read)]
