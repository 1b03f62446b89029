"""The records of releases on every manager: their plans, the current release, a line for each deploy."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rollout.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FOLDER = Path("/var/lib/landfast/releases")
#: The number of releases for rollbacks. The registry keeps as many.
KEPT = 10
#: Runs whose options and results are kept.
KEPT_RUNS = 20


def now() -> str:
    """Return the current time in the records' format."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def write(path: Path, content: object) -> None:
    """Write JSON atomically: a reader sees the old or the new content, also after a power cut."""
    temporary = path.with_name(f".{path.name}.new")
    with temporary.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def is_older(file: str, other: str) -> bool:
    """Return whether the plan in ``file`` was made before the one in ``other``: their names begin with the time."""
    return file < other


def by_digest(image: str) -> str:
    """Return the name that Docker lists for an image pulled by digest: without a tag."""
    name, _, digest = image.partition("@")
    folder, slash, last = name.rpartition("/")
    return f"{folder}{slash}{last.partition(':')[0]}@{digest}"


@dataclass(frozen=True)
class Entry:
    """A release that succeeded.

    Args:
        release: its name.
        file: the file of its plan.
        who: the operator who deployed it.
        at: when it was done.
    """

    release: str
    file: str
    who: str
    at: str


class Records:
    """The records in a folder.

    Args:
        folder: the folder.
    """

    def __init__(self, folder: Path = FOLDER) -> None:
        """Keep the folder."""
        self.folder = folder

    @property
    def history(self) -> list[Entry]:
        """The successful releases, the current one last."""
        path = self.folder / "state.json"
        return [Entry(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []

    @property
    def entries(self) -> list[dict[str, str]]:
        """The successful releases as they are written."""
        return [dict(vars(entry)) for entry in self.history]

    @property
    def current(self) -> Entry | None:
        """The current release; None before the first."""
        return self.history[-1] if self.history else None

    @property
    def stack(self) -> str:
        """The stack's name: that of the current release, or the default before the first."""
        return str(self.plan(self.current.file)["name"]) if self.current else "landfast"

    def running(self) -> Entry:
        """Return the current release.

        Raises:
            RolloutError: there is none yet.
        """
        if self.current is None:
            raise RolloutError("no release runs yet: deploy one")
        return self.current

    def plan(self, file: str) -> dict[str, Any]:
        """Return the plan in ``file``.

        Raises:
            RolloutError: the file cannot be read.
        """
        try:
            return dict(json.loads((self.folder / file).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise RolloutError(f"the record {file} cannot be read: {error}") from error

    def find(self, release: str = "") -> Entry:
        """Return the newest entry of ``release``, or the previous release if none is named.

        Raises:
            RolloutError: there is no such entry.
        """
        current = self.current
        for entry in reversed(self.history[:-1]):
            if entry.release == release or (not release and current and entry.release != current.release):
                return entry
        if release and current and current.release == release:
            return current
        known = ", ".join(dict.fromkeys(entry.release for entry in reversed(self.history))) or "none"
        raise RolloutError(
            f"there is no {f'release {release}' if release else 'earlier release'} to go back to; kept: {known}"
        )

    def save(self, file: str, plan: Mapping[str, Any]) -> None:
        """Keep ``plan`` in ``file``."""
        write(self.folder / file, plan)

    def succeed(self, entry: Entry) -> None:
        """Make ``entry`` the current one."""
        history = [*(kept for kept in self.history if kept.file != entry.file), entry][-KEPT:]
        write(self.folder / "state.json", [vars(kept) for kept in history])

    def tidy(self) -> list[str]:
        """Remove plans that no rollback can use any more, and the files of old runs; return their names."""
        used = {kept.file for kept in self.history}
        plans = [path for path in sorted(self.folder.glob("plan-*.json"))[:-KEPT] if path.name not in used]
        runs = sorted({path.stem for path in self.folder.glob("run-*")})[:-KEPT_RUNS]
        gone = plans + [path for run in runs for path in sorted(self.folder.glob(f"{run}.*"))]
        for path in gone:
            path.unlink()
        return [path.name for path in gone]

    def images(self, releases: int) -> list[str]:
        """Return the images, by digest, of the newest releases that a rollback can use.

        Args:
            releases: the number of releases; the current one is always included.
        """
        plans = []
        for entry in self.history[-max(1, releases) :]:
            with suppress(RolloutError):  # a release whose plan is gone cannot be rolled back to
                plans.append(self.plan(entry.file))
        files = [file for plan in plans for file in (plan["stack"], *plan["jobs"].values())]
        return sorted({by_digest(service["image"]) for file in files for service in file["services"].values()})

    def secrets(self) -> set[str]:
        """Return the secrets in Swarm that only a rollback needs: those of plans without a record of derived files."""
        found: set[str] = set()
        for entry in self.history:
            with suppress(RolloutError):
                plan = self.plan(entry.file)
                found |= {secret["name"] for secret in plan["stack"]["secrets"].values() if "contents" not in plan}
        return found

    def forget_current(self) -> None:
        """Remove the newest entry."""
        write(self.folder / "state.json", [vars(kept) for kept in self.history[:-1]])

    def log(self, *, what: str, release: str, who: str, outcome: str, seconds: float) -> str:
        """Append a line with the time, the change, the operator, the outcome and the duration; return the line."""
        line = f"{now()} {what} {release} by {who}: {outcome} in {seconds:.0f} s"
        with (self.folder / "log").open("a", encoding="utf-8") as file:
            file.write(f"{line}\n")
        return line

    def log_lines(self) -> list[str]:
        """Return the lines of the log, oldest first."""
        path = self.folder / "log"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    def merge_log(self, lines: Iterable[str]) -> None:
        """Add the lines of another manager's log that are missing, in the order of time: each line begins with it."""
        own = self.log_lines()
        missing = [line for line in lines if line not in own]
        if missing:
            path = self.folder / ".log.new"
            path.write_text("".join(f"{line}\n" for line in sorted([*own, *missing])), encoding="utf-8")
            path.replace(self.folder / "log")
