"""``./stack restore``: the database and its files as they were, and everything started again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from cli import compose, console, process
from cli.backup import catalogue, containers, make
from cli.backup.repository import Repository
from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cli.backup.catalogue import Snapshot, Target

#: The exit status of ``restore`` for a moment after the end of the archive (EX_DATAERR).
ARCHIVE_ENDS_BEFORE = 65
#: The volume with all secrets.
SECRETS = "secrets"


@dataclass(frozen=True)
class Choice:
    """What a restore brings back.

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
            "all services stop meanwhile; the present data stays beside the restored until that serves",
        ]


def restore(arguments: Sequence[str], *, at: str, to: str, yes: bool, secrets: bool) -> int:
    """Restore the stack.

    Args:
        arguments: the arguments of ``./stack``, in case it has to start again.
        at: a time. Without ``at`` and ``to`` the newest state is restored.
        to: the name of a moment, or the label of a backup.
        yes: whether the user has agreed beforehand.
        secrets: whether to restore the secrets, too.

    Raises:
        StackError: nothing was changed, or a step failed: the same command begins again, and the old data stays.
    """
    repository = Repository.read()
    repository.build(arguments)
    choice = choose(repository, at=at, to=to, secrets=secrets)
    print("\n".join(choice.lines), flush=True)
    agree(yes=yes)
    with repository.running():
        if warning := check(repository, choice.target):
            print(warning, flush=True)
            agree(yes=yes)
        console.heading("Stopping the services")
        services = [name for name in process.capture(compose.services()).stdout.split() if name != containers.SERVICE]
        step(containers.stop_services(services), "the services cannot be stopped")
        console.heading("Restoring PostgreSQL")
        recovered = recover(repository, choice.target)
        console.heading("Restoring files, and emptying the broker and the results")
        restore_files(repository, choice)
        step(compose.remove(containers.EMPTIED), "the broker cannot be emptied")
        repository.ask(containers.remove_volumes(emptied(repository)), "the broker cannot be emptied")
        if secrets:
            repository.ask(compose.secret_changes(), "the secrets cannot be handed out")
        console.heading("Starting")
        step(compose.up(), "the stack did not get healthy: ./stack doctor says why; the old data is still there")
        settle(repository)
    print("\n" + "\n".join(outcome(choice, recovered)))
    return 0


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


def recover(repository: Repository, target: Target) -> datetime:
    """Restore the database, and return the time of the last transaction that it has.

    Raises:
        StackError: it failed; the old data is as it was.
    """
    command = containers.restore_database(repository.place, "begin", *target.arguments)
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
    return catalogue.parse_time(found[-1])


def step(command: Sequence[str], problem: str) -> None:
    """Run a command with its output shown.

    Raises:
        StackError: it failed.
    """
    if process.run(command) != 0:
        raise StackError(problem, "the same command begins again")
