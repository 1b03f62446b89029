"""``./stack backup``: a backup of PostgreSQL, of all files, and a record of all tables for the drill."""

from __future__ import annotations

import math
import time
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from cli import console, process
from cli.backup import catalogue, containers
from cli.backup.catalogue import FILES, NAME, POINT, RECORD
from cli.backup.repository import Repository
from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Sequence


#: By how much clocks may differ.
CLOCK_DIFFERENCE = timedelta(minutes=1)


def backup(arguments: Sequence[str], *, kind: str = "", name: str = "") -> int:
    """Make a backup.

    Args:
        arguments: the arguments of ``./stack``, in case it has to start again.
        kind: ``full`` or ``diff``; if empty, full once a week.
        name: a name for the moment after it.

    Raises:
        StackError: a part failed; the message says which, and earlier backups stay.
    """
    check_name(name)
    repository = Repository.read()
    repository.build(arguments)
    return whole(repository, kind=kind, name=name)


def whole(repository: Repository, *, kind: str = "", name: str = "") -> int:
    """Make a backup of everything in a prepared repository, with its record, and remove the oldest ones.

    Args:
        repository: the repository.
        kind: ``full`` or ``diff``; if empty, full once a week.
        name: a name for the moment after it.

    Raises:
        StackError: a part failed; the message says which, and earlier backups stay.
    """
    began = time.monotonic()
    console.heading("Making a backup")
    with repository.running():
        make(repository, kind)
        record(repository)
        if name:
            mark(repository, name)
        found = repository.backups()
        now = time.time()
        days = math.ceil((now - found[0].began.timestamp()) / 86400)  # files and notes are of use with a backup only
        repository.ask(containers.files(repository.place, "forget", str(days)), "old snapshots cannot be removed")
    newest = found[-1]
    repository.publish(
        "backup",
        {
            "landfast_backup_timestamp_seconds": now,
            "landfast_backup_size_bytes": newest.size,
            "landfast_backup_seconds": time.monotonic() - began,
        },
    )
    if repository.place.elsewhere:
        console.heading(f"Copying the backups to {repository.place.elsewhere}")
        repository.copy("prune")
        repository.publish("elsewhere", {"landfast_backup_elsewhere_timestamp_seconds": time.time()})
    print(f"\n{newest.label}: {size(newest.size)} for PostgreSQL, with {len(repository.all_volumes)} volumes of files")
    return 0


def check_name(name: str) -> None:
    """Make sure that a moment may have this name.

    Raises:
        StackError: it may not.
    """
    if name and not NAME.fullmatch(name):
        raise StackError(f"{name!r} is no name", "a letter, then letters, digits, dots, _ and -: before-the-import")


def make(repository: Repository, kind: str = "") -> None:
    """Back up PostgreSQL, and then the files: each file that a row names is there by then.

    Raises:
        StackError: a part failed.
    """
    if process.capture(containers.at_database(repository.place, "archiving", "apply")).code != 0:
        raise StackError("PostgreSQL does not run", "./stack up starts it")
    another = "the repository may have the backups of another database: ./stack restore latest restores that one"
    repository.ask(
        containers.at_repository(repository.place, "engine", "init"),
        "the repository refuses this database",
        remedy=another,
    )
    found, now = repository.backups(), datetime.now(timezone.utc)
    check_clock(found, now)
    kind = kind or catalogue.due_kind(found, now)
    keep = []
    if repository.keep:
        number, days = repository.keep
        keep = [str(catalogue.fulls_to_keep(found, kind, now, number=number, days=days))]
    noted = "the archive's state cannot be written"
    repository.ask(containers.at_database(repository.place, "archiving", "begin"), noted)
    if process.run(containers.at_repository(repository.place, "engine", "backup", kind, *keep)) != 0:
        raise StackError("PostgreSQL could not be backed up", "fix the engine's error above, and try again")
    repository.ask(containers.at_database(repository.place, "archiving", "covered"), noted)
    command = containers.files(repository.place, "save", volumes=repository.all_volumes)
    repository.ask(command, "PostgreSQL was backed up, but its files were not")


def check_clock(found: Sequence[catalogue.Backup], now: datetime) -> None:
    """Make sure that no backup is of the future: restores choose by time.

    Raises:
        StackError: one is.
    """
    if found and found[-1].ended > now + CLOCK_DIFFERENCE:
        raise StackError(
            f"the newest backup is of {catalogue.for_people(found[-1].ended)}, and this machine's clock says "
            f"{catalogue.for_people(now)}",
            "set the clock (timedatectl), and try again; nothing was changed",
        )


def record(repository: Repository) -> None:
    """Keep the number of rows and the checksum of each table at one moment, for the drill.

    Raises:
        StackError: that failed.
    """
    counted = repository.ask(
        containers.at_database(repository.place, "fingerprint", "live"), "the tables could not be recorded"
    )
    first, _, tables = counted.partition("\n")
    at = catalogue.parse_time(first.partition("|")[2])
    repository.note({"tables": tables}, RECORD, f"at={catalogue.postgres_time(at)}")
    flush(repository)


def mark(repository: Repository, name: str) -> None:
    """Give the present moment a name.

    Raises:
        StackError: that failed.
    """
    now = repository.ask(
        containers.at_database(
            repository.place, "psql", "-qAtc", "SELECT clock_timestamp() AT TIME ZONE 'UTC'", "postgres"
        ),
        "the time of PostgreSQL cannot be read",
    )
    at = catalogue.parse_time(f"{now.strip()}Z")
    repository.note({}, POINT, f"name={name}", f"at={catalogue.postgres_time(at)}")
    flush(repository)


def flush(repository: Repository) -> None:
    """Archive everything that is committed.

    Raises:
        StackError: the repository takes none.
    """
    repository.ask(
        containers.at_database(repository.place, "archiving", "flush"), "the newest changes could not be archived"
    )


def verify(arguments: Sequence[str]) -> int:
    """Read every file of the repository, here and elsewhere, and compare it with its checksum, or with the one here.

    Args:
        arguments: the arguments of ``./stack``, in case it has to start again.

    Raises:
        StackError: a file is damaged or missing; the message names it.
    """
    repository = Repository.read()
    repository.build(arguments)
    again = "make a full one: ./stack backup --full (docs/runbooks/backup-damaged.md)"
    console.heading("Reading the backups of PostgreSQL")
    found = repository.ask(
        containers.engine(repository.place, "verify"), "a backup of PostgreSQL is damaged", remedy=again
    )
    print(found.strip() or "all checksums are right")
    console.heading("Reading the backups of files")
    command = containers.files(repository.place, "verify", reads=True)
    print(repository.ask(command, "a backup of files is damaged", remedy=again).strip() or "all checksums are right")
    if repository.place.elsewhere:
        console.heading(f"Comparing with {repository.place.elsewhere}")
        repository.copy("compare")
        print("each file there is as it is here")
    return 0


def listing(repository: Repository) -> int:
    """Print the backups and the named moments.

    Raises:
        StackError: the repository cannot be read.
    """
    there = process.capture(containers.files(repository.place, "list", reads=True))
    found = repository.backups() if there.code == 0 else []
    if not found:
        print("there is no backup; ./stack backup makes one")
        return 0
    notes = repository.snapshots()
    rows = [(each.ended, each.label, each.kind, size(each.size)) for each in found]
    rows += [(each.at, each.name, "moment", "") for each in notes if each.kind == POINT and each.at]
    table = [(catalogue.for_people(when), *rest) for when, *rest in sorted(rows)]
    print(console.columns([("to the end of", "name", "kind", "size"), *table]))
    files = catalogue.newest(notes, FILES)
    print(f"\nfiles: {catalogue.for_people(files.time) if files else 'none'}")
    made = "" if repository.place.stack else " that was made with COMPOSE_PROFILES=backup"
    any_second = f"any second since the first backup{made}"
    print(f"a restore may go back to {any_second if repository.stays else 'these moments'}")
    return 0


def size(number: float) -> str:
    """Return a number of bytes for people."""
    for unit in ("B", "kB", "MB", "GB"):
        if number < 1000:  # noqa: PLR2004 - the units' own factor
            return f"{number:.0f} {unit}"
        number /= 1000
    return f"{number:.1f} TB"
