"""What both pages read from a request, and the statements that pages and tasks share."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Written by a page, in the transaction that the task is sent from.
ACCEPT = "INSERT INTO chaos.accepted (entry, task, run) VALUES (%(entry)s, %(task)s, %(run)s)"

#: A task's effect. Nothing in the table keeps it from being there twice: that is for the stack to see to.
BOOK = "INSERT INTO chaos.effect (entry, task, run) VALUES (%(entry)s, %(task)s, %(run)s)"


@dataclass(frozen=True)
class Entry:
    """One entry.

    Args:
        entry: its id, which the sender chose.
        run: which run of the suite it belongs to.
        work: seconds that its task takes.
        engine: whose worker books it.
    """

    entry: str
    run: str
    work: float
    engine: str = "celery"

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Entry:
        """Return what a request's JSON says.

        Raises:
            ValueError: it is no entry.
        """
        return cls(
            str(uuid.UUID(document["entry"])), str(document["run"]), float(document["work"]), str(document["engine"])
        )

    def row(self, task: str) -> dict[str, str]:
        """Return the parameters of :data:`ACCEPT` and :data:`BOOK`."""
        return {"entry": self.entry, "task": task, "run": self.run}
