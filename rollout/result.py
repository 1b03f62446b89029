"""The file in which a playbook finds the result of a rollout."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rollout.errors import BusyError, RolloutError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

#: Bytes reserved for the file at the start, so that the result fits even if the disk fills up later.
RESERVED = 1 << 16
KILLED = "the rollout program was killed before its end"
#: Where an operator finds details.
ADVICE = "status.yml shows the running release; journalctl -u 'landfast-run-*' on this manager has the log"


@dataclass(frozen=True)
class Result:
    """The result file.

    Args:
        path: its path.
    """

    path: Path

    def reserve(self) -> None:
        """Write the file before anything changes, with the result for a program that is killed; a power cut keeps it.

        Raises:
            RolloutError: the disk has no room for the file.
        """
        begun = document(RolloutError(KILLED, (ADVICE,)), (), "", ended=False)
        try:
            with self.path.open("w", encoding="utf-8") as file:
                file.write(begun.ljust(RESERVED))
                file.flush()
                os.fsync(file.fileno())
            sync_folder(self.path.parent)
        except OSError as error:
            raise RolloutError(f"{self.path} cannot be written: {error.strerror}; nothing was changed") from error

    def note(self, progress: Sequence[str]) -> None:
        """Write the reported lines for the playbook that follows; a full disk prevents nothing but this."""
        unfinished = document(RolloutError(KILLED, (ADVICE,)), progress, "", ended=False)
        with suppress(OSError), self.path.open("r+", encoding="utf-8") as file:
            file.write(unfinished.ljust(RESERVED))

    def write(self, error: RolloutError | None, progress: Sequence[str], record: str) -> None:
        """Write the result into the reserved space.

        Args:
            error: the failure; None after a success.
            progress: the reported lines.
            record: the line of the log.
        """
        with self.path.open("r+", encoding="utf-8") as file:
            file.write(document(error, progress, record, ended=True))
            file.truncate()
            file.flush()
            os.fsync(file.fileno())

    @property
    def ended(self) -> bool:
        """Whether a program has written its result."""
        try:
            content: dict[str, Any] = json.loads(self.path.read_text(encoding="utf-8"))
        except ValueError:
            return False  # the program was killed while it wrote
        return bool(content["ended"])


def sync_folder(folder: Path) -> None:
    """Write the names of a folder's files to the disk, so that a power cut does not lose new ones."""
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def document(error: RolloutError | None, progress: Sequence[str], record: str, *, ended: bool) -> str:
    """Return the result as JSON.

    Args:
        error: the failure; None after a success.
        progress: the reported lines.
        record: the line of the log.
        ended: whether the program reached its end.
    """
    return json.dumps(
        {
            "ok": error is None,
            "ended": ended,
            "busy": isinstance(error, BusyError),
            "reason": error.reason if error else "",
            "lines": list(error.lines) if error else [],
            "progress": list(progress),
            "record": record,
        }
    )
