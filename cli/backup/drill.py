"""``./stack drill``: restores the newest backup beside the stack, and compares it with what the database recorded."""

from __future__ import annotations

import json
import re
import time
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli import console
from cli.backup import catalogue, containers
from cli.backup.catalogue import FILES, RECORD, Target
from cli.backup.repository import Repository
from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Sequence

#: How many files are compared.
SAMPLE = 20
#: A line of ``fingerprint``: DATABASE|TABLE|ROWS|CHECKSUM.
_COUNTED = re.compile(r"^([^|\n]+)\|([^|\n]+)\|([^|\n]+\|[^|\n]+)$", re.MULTILINE)
#: How many differences are printed.
SHOWN = 5


@dataclass(frozen=True)
class Result:
    """The comparisons of a drill.

    Args:
        tables: the tables, all of them.
        rows: their rows.
        files: the files of the sample.
        secrets: the secrets of the sample.
        age: the seconds since the record.
    """

    tables: int
    rows: int
    files: int
    secrets: int
    age: float


def drill(arguments: Sequence[str], *, elsewhere: bool = False) -> int:
    """Restore the newest backup into a container without a network, check it, and print the result.

    Args:
        arguments: the arguments of ``./stack``, in case it has to start again.
        elsewhere: whether to fetch the backups from elsewhere first: the container has no network.

    Raises:
        StackError: the backup cannot be restored, or differs from the record; the metrics have that, too.
    """
    repository = Repository.read()
    repository.build(arguments)
    if elsewhere and not repository.place.elsewhere:
        raise StackError("there is no second place for backups", "BACKUP_ELSEWHERE in .env: docs/how-to/backups.md")
    return compare(repository, elsewhere=elsewhere)


def compare(repository: Repository, *, elsewhere: bool = False) -> int:
    """Rehearse the restore of the newest backup in a prepared repository, and print the result.

    Args:
        repository: the repository.
        elsewhere: whether to fetch the backups from elsewhere first.

    Raises:
        StackError: the backup cannot be restored, or differs from the record; the metrics have that, too.
    """
    began = time.monotonic()
    try:
        with repository.fetched() if elsewhere else nullcontext(repository) as restored:
            result = rehearse(restored)
    except StackError:
        report(repository, {"landfast_drill_success": 0, "landfast_drill_seconds": time.monotonic() - began})
        raise
    seconds = time.monotonic() - began
    measured = {"landfast_drill_seconds": seconds, "landfast_drill_backup_age_seconds": result.age}
    report(repository, {"landfast_drill_success": 1, **measured})
    print(
        f"restored in {seconds:.0f} s: {result.tables} tables with {result.rows} rows are as recorded "
        f"{result.age:.0f} s ago; {result.files} files and {result.secrets} secrets are as they were saved"
    )
    return 0


def rehearse(repository: Repository) -> Result:
    """Restore the newest backup and compare it.

    Raises:
        StackError: the backup cannot be restored, or differs from the record.
    """
    target, tables, notes = newest(repository)
    console.heading(f"Restoring {target.backup.label} to {target.words}, beside the stack")
    restored = repository.ask(containers.drill(repository.place, target.arguments), "the backup cannot be restored")
    recorded = parse(tables)
    files, secrets, changed = sample(repository, notes)
    problems = [*differences(recorded, parse(restored)), *changed]
    if problems:
        shown = problems[:SHOWN] + ([f"and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else [])
        raise StackError("the backup differs:\n  " + "\n  ".join(shown), "make a full one: ./stack backup --full")
    rows = sum(int(each.partition("|")[0]) for each in recorded.values())
    age = time.time() - target.at.timestamp() if target.at else 0
    return Result(len(recorded), rows, files, secrets, age)


def newest(repository: Repository) -> tuple[Target, str, list[catalogue.Snapshot]]:
    """Return the newest recorded moment, the record, and all notes.

    Raises:
        StackError: there is none.
    """
    found, notes = repository.backups(), repository.snapshots()
    record = catalogue.newest(notes, RECORD)
    before = [each for each in found if record and record.at and each.ended <= record.at]
    if not (record and before):
        raise StackError("there is no backup with a record of its tables", "./stack backup makes one")
    text = repository.ask(containers.files(repository.place, "read", record.id, reads=True), "the record is unreadable")
    return Target(before[-1], "time", record.at), json.loads(text)["tables"], notes


def parse(text: str) -> dict[str, str]:
    """Return table -> its rows and its checksum, from the lines of ``fingerprint``."""
    return {f"{database}: {table}": counted for database, table, counted in _COUNTED.findall(text)}


def differences(recorded: dict[str, str], restored: dict[str, str]) -> list[str]:
    """Return the differences between the recorded tables and the restored ones, a line for each table."""
    found = [f"{table} is missing" for table in recorded if table not in restored]
    found += [f"{table} was not recorded" for table in restored if table not in recorded]
    for table, before in recorded.items():
        after = restored.get(table, before)
        if before != after:
            rows = [each.partition("|")[0] for each in (before, after)]
            found.append(f"{table} had {rows[0]} rows, and has {rows[1]}" + " of other content" * (rows[0] == rows[1]))
    return found


def sample(repository: Repository, notes: Sequence[catalogue.Snapshot]) -> tuple[int, int, list[str]]:
    """Compare some files, and some secrets, with the newest snapshot; return their numbers and the differences.

    Raises:
        StackError: there is no snapshot, or it has no secret.
    """
    files = catalogue.newest(notes, FILES)
    if not files:
        raise StackError("there is no backup of files", "./stack backup makes one")
    arguments = ("sample", files.id, str(SAMPLE), f"{files.time.timestamp():.0f}")
    command = containers.files(repository.place, *arguments, volumes=repository.all_volumes, samples=True)
    said = [line.partition("|") for line in repository.ask(command, "the files cannot be read").splitlines()]
    numbers = {word: int(value) for word, _, value in said if word in {"compared", "secrets"}}
    if not numbers.get("secrets"):
        raise StackError("no secret could be opened in the backup of files", "./stack backup makes another one")
    changed = [f"{value} is not as it was saved" for word, _, value in said if word == "different"]
    return numbers.get("compared", 0), numbers["secrets"], changed


def report(repository: Repository, metrics: dict[str, float]) -> None:
    """Write the metrics, and one line for the log."""
    metrics = {**metrics, "landfast_drill_timestamp_seconds": time.time()}
    level = "info" if metrics["landfast_drill_success"] else "error"
    print(json.dumps({"level": level, "service": "drill", "message": "the drill has ended", **metrics}), flush=True)
    repository.publish("drill", metrics)
