"""The file in which a playbook finds what came of a roll."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rollout.errors import BusyError, RolloutError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Bytes that the file takes from the beginning: a disk that fills up meanwhile must not swallow the result.
RESERVED = 1 << 16
KILLED = "the rollout program was killed before its end"
#: Where the details are.
ADVICE = "status.yml shows what runs now; journalctl -u 'landfast-run-*' on the first manager has the last words"


@dataclass(frozen=True)
class Result:
    """The file.

    Args:
        path: where.
    """

    path: Path

    def reserve(self) -> None:
        """Make the file, on disk before anything changes, as it is to be read if nobody writes the end.

        Raises:
            RolloutError: the disk has no room for it.
        """
        begun = document(RolloutError(KILLED, (ADVICE,)), (), "", ended=False)
        try:
            self.path.write_text(begun.ljust(RESERVED), encoding="utf-8")
        except OSError as error:
            raise RolloutError(f"{self.path} cannot be written: {error.strerror}; nothing was changed") from error

    def write(self, error: RolloutError | None, said: Sequence[str], record: str) -> None:
        """Write what came of it into the room that was reserved.

        Args:
            error: what went wrong; None if nothing did.
            said: what the program told.
            record: the line of the log.
        """
        with self.path.open("r+", encoding="utf-8") as file:
            file.write(document(error, said, record, ended=True))
            file.truncate()
            file.flush()
            os.fsync(file.fileno())

    @property
    def ended(self) -> bool:
        """Whether a program has written the end."""
        try:
            content: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError:
            return False  # killed while it wrote
        return bool(content["ended"])


def document(error: RolloutError | None, said: Sequence[str], record: str, *, ended: bool) -> str:
    """Return the result as JSON.

    Args:
        error: what went wrong; None if nothing did.
        said: what the program told.
        record: the line of the log.
        ended: whether the program came to its end.
    """
    return json.dumps(
        {
            "ok": error is None,
            "ended": ended,
            "busy": isinstance(error, BusyError),
            "reason": error.reason if error else "",
            "lines": list(error.lines) if error else [],
            "said": list(said),
            "record": record,
        }
    )
