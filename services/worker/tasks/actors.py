"""Tasks that Dramatiq's workers run as well: the same names and functions, another framework.

Callers say ``send_by_dramatiq("tasks.arithmetic.add", 4, 4)``. Without its worker, a Compose profile, they wait.
"""

from __future__ import annotations

from typing import Any

from landfast_outbox import dramatiq

#: What Dramatiq's workers consume: it allows no dots in a queue's name.
DRAMATIQ_QUEUE = "tasks-dramatiq"


def send_by_dramatiq(name: str, *args: Any, task_id: str | None = None) -> str:  # noqa: ANN401 - JSON
    """Write a task for Dramatiq's workers into the transaction that is open here, and return its id.

    Args:
        name: the actor's name.
        *args: its arguments.
        task_id: a UUID; a new one without.
    """
    return dramatiq.send(name, DRAMATIQ_QUEUE, args, task_id=task_id)
