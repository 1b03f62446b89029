"""The backups in a repository, and the choice of one for a restore: pure functions of what engine and restic print."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

#: Tags of restic's snapshots: files, the records of all tables, and named moments.
FILES, RECORD, POINT = "files", "record", "point"
#: A name of a moment. The labels of the engine have other forms.
NAME = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,62}")
#: The age at which a new full backup is due.
FULL_EVERY = timedelta(days=7)

_TIME = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d)(:\d\d)?(\.\d{1,6})?)?\s*(Z|[+-]\d\d(?::?\d\d)?)?", re.IGNORECASE
)
#: An archived file of the write-ahead log: DATABASE/FOLDER/SEGMENT-CHECKSUM.
_SEGMENT = re.compile(
    r"(?P<database>[^/]+)/[0-9A-F]{16}/(?P<timeline>[0-9A-F]{8})(?P<position>[0-9A-F]{16})-[0-9a-f]{40}(\.\w+)?"
)


@dataclass(frozen=True)
class Backup:
    """A backup of PostgreSQL.

    Args:
        label: the engine's name for it.
        kind: ``full`` or ``diff``.
        began: when it began.
        ended: when it ended; earlier moments cannot be restored from it.
        size: the bytes that it takes in the repository.
        log: the last file of the write-ahead log that it needs.
    """

    label: str
    kind: str
    began: datetime
    ended: datetime
    size: int
    log: str = ""


@dataclass(frozen=True)
class Snapshot:
    """A snapshot of files, or a note.

    Args:
        id: restic's name for it.
        time: when it was made.
        kind: :data:`FILES`, :data:`RECORD` or :data:`POINT`.
        at: the moment of the database that a note is about.
        name: the name of a moment.
    """

    id: str
    time: datetime
    kind: str
    at: datetime | None = None
    name: str = ""


@dataclass(frozen=True)
class Target:
    """The state that a restore brings back.

    Args:
        backup: the backup to begin with.
        kind: the end of the recovery, in the engine's words: ``time``, ``immediate`` or ``default``.
        at: the moment, for ``time``.
    """

    backup: Backup
    kind: str
    at: datetime | None = None

    @property
    def arguments(self) -> list[str]:
        """The arguments for the program ``restore`` in PostgreSQL's image."""
        return [self.backup.label, self.kind, *([postgres_time(self.at)] if self.at else [])]

    @property
    def words(self) -> str:
        """The moment, for people."""
        if self.kind == "immediate":
            return f"the end of the backup {self.backup.label}, {for_people(self.backup.ended)}"
        return for_people(self.at) if self.at else "the newest state that was archived"


def backups(text: str) -> list[Backup]:
    """Return the backups that ``engine list`` prints, the oldest first.

    Raises:
        StackError: the repository cannot be read; the message has the engine's reason.
    """
    found = []
    for stanza in json.loads(text or "[]"):
        status = stanza["status"]
        # Source of the numbers: pgBackRest's command `info`. 1 is no stanza, 2 is no valid backup.
        if status["code"] not in {0, 1, 2}:
            raise StackError(
                f"the repository of backups cannot be read: {status['message']}",
                "a wrong key (./stack secret backup_passphrase), or files are missing",
            )
        for each in stanza.get("backup", []):
            if not each.get("error"):
                begin, end = (_moment(each["timestamp"][key]) for key in ("start", "stop"))
                size = each["info"]["repository"].get("delta", 0)
                log = each.get("archive", {}).get("stop", "")
                found.append(Backup(each["label"], each["type"], begin, end, size, log))
    return sorted(found, key=lambda each: each.ended)


def snapshots(text: str) -> list[Snapshot]:
    """Return the snapshots that restic prints, the oldest first."""
    found = []
    for each in json.loads(text or "[]"):
        tags = each.get("tags") or []
        said = dict(tag.split("=", 1) for tag in tags if "=" in tag)
        kind = next((tag for tag in tags if tag in {FILES, RECORD, POINT}), "")
        at = parse_time(said["at"]) if "at" in said else None
        found.append(Snapshot(each["short_id"], _restic_time(each["time"]), kind, at, said.get("name", "")))
    return sorted(found, key=lambda each: each.time)


def newest(found: Iterable[Snapshot], kind: str) -> Snapshot | None:
    """Return the newest snapshot of a kind, if there is one."""
    return next((each for each in sorted(found, key=lambda each: each.time, reverse=True) if each.kind == kind), None)


def files_for(found: Sequence[Snapshot], at: datetime | None) -> Snapshot | None:
    """Return the snapshot of files for a moment: the first one after it, because files that came later do no harm.

    Args:
        found: the snapshots, the oldest first.
        at: the moment; None is the newest state.
    """
    files = [each for each in found if each.kind == FILES]
    if not files:
        return None
    return next((each for each in files if at and each.time >= at), files[-1])


def archived_until(text: str, backup: Backup) -> datetime | None:
    """Return the time until which the archive goes on from a backup without a gap; None if it lacks the backup's end.

    The time is that of the last file, and nothing in a file is younger. Whether the file has anything of that time only
    the recovery knows.

    Args:
        text: the archived files, as ``engine segments`` prints them.
        backup: the backup.
    """
    times: dict[str, dict[int, int]] = {}
    for name, each in json.loads(text or "{}").items():
        match = _SEGMENT.fullmatch(name)
        if match and match["timeline"] == backup.log[:8]:
            number = _segment_number(match["timeline"] + match["position"])
            times.setdefault(match["database"], {})[number] = each["time"]
    number, ends = _segment_number(backup.log), []
    for archived in times.values():
        if number in archived:
            last = number
            while last + 1 in archived:
                last += 1
            ends.append(archived[last])
    return _moment(max(ends)) if ends else None


def check_archived(text: str, target: Target) -> None:
    """Make sure that the archive goes on to the moment of a restore, before anything is stopped for it.

    Args:
        text: the archived files, as ``engine segments`` prints them.
        target: what to restore.

    Raises:
        StackError: it ends before.
    """
    if target.at is None:
        return
    until = archived_until(text, target.backup)
    # The engine counts whole seconds, rounded down.
    if until is None or until + timedelta(seconds=1) < target.at:
        end = until or target.backup.ended
        raise StackError(
            f"the archive ends at {for_people(end)}, before {target.words}; nothing was changed",
            "restore the newest state (latest), or an earlier time",
        )


def due_kind(found: Sequence[Backup], now: datetime) -> str:
    """Return the kind of the next backup: ``full`` if the last full one is a week old, or there is none."""
    full = [each.ended for each in found if each.kind == "full"]
    return "diff" if full and now - full[-1] < FULL_EVERY else "full"


def fulls_to_keep(found: Sequence[Backup], kind: str, now: datetime, *, number: int, days: int) -> int:
    """Return how many full backups stay: so many, or as many as it takes to go back so many days.

    Args:
        found: the backups, the oldest first.
        kind: the kind of the backup that is being made.
        now: the time.
        number: the least number.
        days: the days.
    """
    full = [each for each in found if each.kind == "full"]
    young = [each for each in full if each.ended > now - timedelta(days=days)]
    older = len(full) > len(young)
    return max(number, len(young) + older + (kind == "full"))


def choose(found: Sequence[Backup], notes: Sequence[Snapshot], *, at: str = "", to: str = "", now: datetime) -> Target:
    """Return what to restore; without ``at`` and ``to`` the newest state.

    Args:
        found: the backups, the oldest first.
        notes: the snapshots, the oldest first.
        at: a time, as the user typed it.
        to: the name of a moment, or the label of a backup.
        now: the time.

    Raises:
        StackError: nothing can be restored there; the message has the nearest that can.
    """
    if not found:
        raise StackError("there is no backup", "./stack backup makes one")
    if to:
        named = [each for each in notes if each.kind == POINT and each.name == to]
        labelled = [each for each in found if each.label == to]
        if not (named or labelled):
            names = [each.name for each in notes if each.kind == POINT] + [each.label for each in found]
            raise StackError(f"no backup and no moment has the name {to}", f"there are: {', '.join(names)}")
        if labelled:
            return Target(labelled[0], "immediate")
        moment = named[-1].at
    elif at:
        moment = parse_time(at)
    else:
        return Target(found[-1], "default")
    assert moment is not None  # noqa: S101 - each note of a moment has one
    if moment > now:
        raise StackError(
            f"{for_people(moment)} is in the future: it is {for_people(now)}", "./stack restore latest is the newest"
        )
    # The engine counts whole seconds.
    before = [each for each in found if each.ended <= moment]
    if not before:
        raise StackError(
            f"{for_people(moment)} is before the end of the first backup, {for_people(found[0].ended)}",
            "nothing earlier can be restored",
        )
    return Target(before[-1], "time", moment)


def parse_time(text: str) -> datetime:
    """Return a time that a user typed; without an offset from UTC it is this machine's local time.

    Raises:
        StackError: it is no time.
    """
    match = _TIME.fullmatch(text.strip())
    problem = StackError(f"{text!r} is no time", 'write it like "2026-11-29 14:03:07+00"')
    if not match:
        raise problem
    day, minutes, seconds, fraction, offset = match.groups()
    zone = (offset or "").upper().replace("Z", "+00").replace(":", "").ljust(5, "0") if offset else ""
    clock = f"{minutes or '00:00'}{seconds or ':00'}{(fraction or '.0').ljust(7, '0')}"
    try:
        if zone:
            return datetime.strptime(f"{day} {clock} {zone}", "%Y-%m-%d %H:%M:%S.%f %z").astimezone(timezone.utc)
        local = datetime.strptime(f"{day} {clock}", "%Y-%m-%d %H:%M:%S.%f")  # noqa: DTZ007 - the next line has its zone
        return local.astimezone(timezone.utc)
    except ValueError:
        raise problem from None


def postgres_time(moment: datetime) -> str:
    """Return a time as PostgreSQL reads it."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%f+00")


def for_people(moment: datetime) -> str:
    """Return a time for people, who can copy it into ``--at``."""
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S+00")


def _segment_number(name: str) -> int:
    """Return the position of a file of the write-ahead log, in files of 16 MiB; 0 for no name."""
    return int(name[8:16] or "0", 16) * 256 + int(name[16:24] or "0", 16)


def unknown_migrations(restored: str, present: str, revisions: Container[str]) -> list[str]:
    """Return the migrations in restored data that this code does not know: then the data is of a newer release.

    Args:
        restored: the output of ``migrations`` (images/postgres/migrations) about the restored data.
        present: the same about the present data, which this code has migrated.
        revisions: the revisions of Alembic that the code has: its table names the last one only.
    """
    known = set(present.splitlines())
    found = [line for line in restored.splitlines() if line.startswith("migration|") and line not in known]
    parts = [line.split("|") for line in found]
    return [
        f"{database}: {schema}: {name}"
        for _, tool, database, schema, name in parts
        if tool != "alembic" or name not in revisions
    ]


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, timezone.utc)


def _restic_time(text: str) -> datetime:
    """Return a time of restic's, which has nanoseconds."""
    return parse_time(re.sub(r"(\.\d{6})\d+", r"\1", text))
