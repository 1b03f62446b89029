"""The condition of archiving and of the copy elsewhere, for ``./stack doctor``."""

from __future__ import annotations

from dataclasses import dataclass

from cli import compose, process
from cli.backup import containers

#: The part of the bound at which log that waits is a problem.
ALARM = 4
#: Seconds after which the place elsewhere should have everything; log comes each minute.
LATE = 300
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Problem:
    """A problem, and the next step."""

    words: str
    step: str


def problems(status: str, age: str) -> list[Problem]:
    """Return the problems.

    Args:
        status: the output of ``archiving status`` (images/postgres/archiving); empty if PostgreSQL does not run.
        age: the seconds for which the place elsewhere has lacked something; empty without such a place.
    """
    found = []
    state, *numbers = status.strip().split("|")
    if state == "on":
        waiting, bound = int(numbers[0]), int(numbers[1])
        if waiting >= bound / ALARM:
            words = f"{waiting // MEBIBYTE} MiB of PostgreSQL's log wait for their archive; at {bound // MEBIBYTE} MiB"
            found.append(Problem(f"{words} they are dropped", "docs/runbooks/archiving-fails.md"))
        if numbers[2] == "dropped":
            words = "PostgreSQL's log was dropped without being archived: no restore can pass that gap"
            found.append(Problem(words, "./stack backup makes a backup after it"))
    if age.strip().isdigit() and int(age) > LATE:
        words = f"for {int(age) // 60} min the second place has not got all backups"
        found.append(Problem(words, "./stack logs backup-elsewhere; docs/runbooks/backup-not-elsewhere.md"))
    return found


def read() -> list[Problem] | None:
    """Return the problems of the running stack; None if nothing is archived."""
    status = process.capture(containers.at_database(containers.Place({}, {}, ""), "archiving", "status"))
    if status.code != 0 or status.stdout.strip() == "off":
        return None
    copies = containers.COPIER in process.capture(compose.services()).stdout.split()
    age = process.capture(containers.at_copier("age")).stdout if copies else ""
    return problems(status.stdout, age)
