"""Tasks that Dramatiq's workers run as well, with the same names and functions.

Callers use ``send_by_dramatiq("tasks.arithmetic.add", 4, 4)``. The tasks wait until the worker, a Compose profile,
runs.
"""

from __future__ import annotations

from typing import Any

from landfast_outbox import dramatiq

#: The queue of Dramatiq's workers; Dramatiq allows no dots in a queue's name.
DRAMATIQ_QUEUE = "tasks-dramatiq"


def send_by_dramatiq(name: str, *args: Any, task_id: str | None = None) -> str:  # noqa: ANN401 - JSON
    """Write a task for Dramatiq's workers into the open transaction, and return its id.

    Args:
        name: the actor's name.
        *args: its arguments.
        task_id: a UUID; a new one by default.
    """
    return dramatiq.send(name, DRAMATIQ_QUEUE, args, task_id=task_id)
