"""Lanes: which queues a worker consumes, and how. Tasks that wait for somebody else's server have one of their own.

``WORKER_LANE`` names a worker's; each is a service of compose.yaml. docs/adr/0022 has the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass

from landfast_runtime.celery import QUEUE
from tasks.celery_app import BULK_QUEUE, MAIL_QUEUE


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


#: A letter may take half an hour: none waits beside it while another worker, or the next minute, could take it.
LANES = {
    "tasks": Lane(queues=(QUEUE,)),
    "mail": Lane(queues=(MAIL_QUEUE, BULK_QUEUE), pool="threads", waiting=0),
}
