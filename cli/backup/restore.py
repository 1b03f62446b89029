"""``./stack restore``: the database and its files as they were, and everything started again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from cli import compose, console, process
from cli.backup import catalogue, containers, make
from cli.backup.repository import Repository
from cli.console import StackError
from cli.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.backup.catalogue import Snapshot, Target

#: The exit status of ``restore`` for a moment after the end of the archive (EX_DATAERR).
ARCHIVE_ENDS_BEFORE = 65
#: The volume with all secrets.
SECRETS = "secrets"


@dataclass(frozen=True)
class Choice:
    """The parts that a restore brings back.

    Args:
        target: the state of PostgreSQL.
        snapshot: the files; None if there are none.
        volumes: the volumes for them.
    """

    target: Target
    snapshot: Snapshot | None
    volumes: Sequence[str]

    @property
    def lines(self) -> list[str]:
        """The description of the restore, for people."""
        names = ", ".join(self.volumes)
        files = f"{names}, as of {catalogue.for_people(self.snapshot.time)}" if self.snapshot and names else "none"
        return [
            f"PostgreSQL, with all databases, goes back to {self.target.words}",
            f"  from the {self.target.backup.kind} backup {self.target.backup.label} and the write-ahead log",
            f"files that are missing or have changed come back: {files}; newer files stay",
            "everything that was written later is lost; RabbitMQ and Redis are emptied",
            "all services stop, once PostgreSQL is restored beside the present data; for the newest state before that",
            "the present data stays until the restored serves",
        ]


@dataclass(frozen=True)
class Wanted:
    """A restore, as the user wants it.

    Args:
        at: a time. Without ``at`` and ``to`` the newest state is restored.
        to: the name of a moment, or the label of a backup.
        yes: whether the user has agreed beforehand.
        secrets: whether to restore the secrets, too.
        any_release: whether to restore data of a newer release, too.
    """

    at: str = ""
    to: str = ""
    yes: bool = False
    secrets: bool = False
    any_release: bool = False


def restore(arguments: Sequence[str], wanted: Wanted) -> int:
    """Restore the stack.

    Args:
        arguments: the arguments of ``./stack``, in case it has to start again.
        wanted: what to restore.

    Raises:
        StackError: nothing was changed, or a step failed: the same command begins again, and the old data stays.
    """
    repository = Repository.read()
    repository.build(arguments)
    if repository.place.elsewhere and not repository.backups():
        console.heading(f"There is no backup here: fetching from {repository.place.elsewhere}")
        repository.fetch()
    choice = choose(repository, at=wanted.at, to=wanted.to, secrets=wanted.secrets)
    print("\n".join(choice.lines), flush=True)
    agree(yes=wanted.yes)
    with repository.running():
        if warning := check(repository, choice.target):
            print(warning, flush=True)
            agree(yes=wanted.yes)
        recovered = take_place(repository, choice.target, any_release=wanted.any_release)
        console.heading("Restoring files, and emptying the broker and the results")
        restore_files(repository, choice)
        step(compose.remove(containers.EMPTIED), "the broker cannot be emptied")
        repository.ask(containers.remove_volumes(emptied(repository)), "the broker cannot be emptied")
        if wanted.secrets:
            repository.ask(compose.secret_changes(), "the secrets cannot be handed out")
        console.heading("Starting")
        step(compose.up(), "the stack did not get healthy: ./stack doctor says why; the old data is still there")
        settle(repository)
    print("\n" + "\n".join(outcome(choice, recovered)))
    return 0


def take_place(repository: Repository, target: Target, *, any_release: bool) -> datetime:
    """Restore the database beside the present data, stop all services, and exchange the two.

    A moment of the past is restored while the services go on: if that fails, nothing was stopped. They write what
    belongs to the newest state, so that they stop first for that one.

    Returns:
        The time of the last transaction that it has.

    Raises:
        StackError: it failed, or the data is of a newer release; the services run as before.
    """
    newest = target.kind == "default"
    database = containers.at_database(repository.place, "migrations")
    present = "" if any_release else process.capture(database).stdout
    if newest:
        stop_services()
    console.heading("Restoring PostgreSQL beside the present data")
    try:
        recovered = recover(repository, target, "prepare", present)
    except StackError:
        process.capture(containers.restore_database(repository.place, "discard"))
        if newest:
            console.heading("Starting again, with the data as it was")
            process.run(compose.up())
        raise
    if not newest:
        stop_services()
    exchange = containers.restore_database(repository.place, "exchange")
    repository.ask(exchange, "the restored data cannot take its place")
    return recovered


def stop_services() -> None:
    """Stop all services but those of the repository.

    Raises:
        StackError: that failed.
    """
    console.heading("Stopping the services")
    ours = {containers.SERVICE, containers.COPIER}
    services = [name for name in process.capture(compose.services()).stdout.split() if name not in ours]
    step(containers.stop_services(services), "the services cannot be stopped")


def choose(repository: Repository, *, at: str, to: str, secrets: bool = False) -> Choice:
    """Return what a restore brings back.

    Args:
        repository: the repository.
        at: a time. Without ``at`` and ``to`` it is the newest state.
        to: the name of a moment, or the label of a backup.
        secrets: whether to restore the secrets, too.

    Raises:
        StackError: that moment cannot be restored.
    """
    notes = repository.snapshots()
    target = catalogue.choose(repository.backups(), notes, at=at, to=to, now=datetime.now(timezone.utc))
    # Folders of a host have its own certificates, secrets and records, which a new host makes anew.
    volumes = [name for name in repository.all_volumes if not repository.place.volumes[name].startswith("/")]
    snapshot = catalogue.files_for(notes, target.at or (target.backup.ended if target.kind == "immediate" else None))
    return Choice(target, snapshot, [name for name in volumes if name != SECRETS or secrets])


def check(repository: Repository, target: Target) -> str:
    """Make sure that the archive goes on to the moment, and return a warning, or an empty string.

    Raises:
        StackError: it ends before; nothing was changed.
    """
    if target.kind == "immediate":
        return ""
    problem = unarchived(repository)
    if target.at is not None:
        archived = repository.ask(containers.engine(repository.place, "segments"), "the archive cannot be read")
        catalogue.check_archived(archived, target)
    lost = "what the present database has and the archive has not will be gone"
    return f"warning: {problem}\n  {lost}" if problem else ""


def restore_files(repository: Repository, choice: Choice) -> None:
    """Bring back the files.

    Raises:
        StackError: that failed.
    """
    if choice.snapshot and choice.volumes:
        names = choice.volumes
        command = containers.files(
            repository.place, "restore", choice.snapshot.id, *names, volumes=names, restores=True
        )
        repository.ask(command, "the files cannot be restored")


def emptied(repository: Repository) -> list[str]:
    """Return the volumes with data that a restore throws away."""
    return [repository.place.volumes[name] for name in containers.EMPTIED if name in repository.place.volumes]


def settle(repository: Repository) -> None:
    """Remove the old data now that the restored data serves, and make a new backup.

    The archive goes on in another timeline now, and a recovery stays in the timeline of its backup.

    Raises:
        StackError: a step failed.
    """
    repository.ask(containers.at_database(repository.place, "restore", "done"), "the old data cannot be removed")
    console.heading("Making a backup of what was restored")
    make.make(repository)


def outcome(choice: Choice, recovered: datetime) -> list[str]:
    """Return the description of what came back, for people.

    Args:
        choice: what was to come back.
        recovered: the time of the last transaction in PostgreSQL.
    """
    found = [f"PostgreSQL is back as of {catalogue.for_people(recovered)}"]
    if choice.snapshot and choice.volumes:
        found.append(f"files are back as of {catalogue.for_people(choice.snapshot.time)}: {', '.join(choice.volumes)}")
    return [*found, "durable tasks that were accepted and not done by then run now; RabbitMQ and Redis began empty"]


def agree(*, yes: bool) -> None:
    """Ask the user.

    Raises:
        StackError: the user does not agree, or cannot be asked.
    """
    if yes:
        return
    if not console.may_ask():
        raise StackError("a restore replaces the data of this stack", "with --yes it does so without asking")
    if not console.confirm("Restore?"):
        raise StackError("nothing was changed")


def unarchived(repository: Repository) -> str:
    """Archive what a running database has committed; return the problem, or an empty string.

    The database of a new machine is another one than that of the backups, whose archive refuses its log.
    """
    if process.capture(containers.at_database(repository.place, "archiving", "apply")).code != 0:
        return ""  # it does not run: there is nothing to archive
    try:
        make.flush(repository)
    except StackError as error:
        return str(error)
    return ""


def recover(repository: Repository, target: Target, verb: str = "begin", present: str = "") -> datetime:
    """Restore the database, and return the time of the last transaction that it has.

    Args:
        repository: the repository.
        target: the state to restore.
        verb: ``begin`` also gives it the place of the present data, ``prepare`` does not (images/postgres/restore).
        present: the migrations in the present data; if empty, data of every release is restored.

    Raises:
        StackError: it failed, or ``prepare`` found data of a newer release; the old data is as it was.
    """
    command = containers.restore_database(repository.place, verb, *target.arguments)
    output = process.capture(command, timeout=24 * 3600)
    print(output.stderr.strip(), flush=True)
    if output.code == ARCHIVE_ENDS_BEFORE:
        raise StackError(
            f"the archive ends before {target.words}; the data is as it was",
            "./stack restore latest restores the newest state; ./stack up starts the stack as it is",
        )
    found = [line.partition("|")[2] for line in output.stdout.splitlines() if line.startswith("recovered|")]
    if output.code != 0 or not found:
        raise StackError(
            "PostgreSQL could not be restored; the data is as it was",
            "the same command tries again; ./stack up starts the stack as it is",
        )
    if present and (unknown := catalogue.unknown_migrations(output.stdout, present, Revisions())):
        raise StackError(
            "the backup is of a newer release, with migrations that this code does not know; the data is as it was:\n  "
            + "\n  ".join(unknown[:5]),
            "check out the release that made it, ./stack up, and restore again; --any-release restores it all the same",
        )
    return catalogue.parse_time(found[-1])


class Revisions:
    """The revisions of Alembic in this checkout."""

    def __contains__(self, name: object) -> bool:
        """Return whether a migration in the checkout has this revision."""
        folders = [ROOT / folder for folder in ("services", "libs", "console")]
        files = (path for folder in folders for path in folder.glob("**/versions/*.py"))
        wanted = re.compile(rf"""^revision\b.*['"]{re.escape(str(name))}['"]""", re.MULTILINE)
        return any(wanted.search(path.read_text(encoding="utf-8")) for path in files)


def step(command: Sequence[str], problem: str) -> None:
    """Run a command with its output shown.

    Raises:
        StackError: it failed.
    """
    if process.run(command) != 0:
        raise StackError(problem, "the same command begins again")
