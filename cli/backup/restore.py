"""``./stack restore``: the database and its files as they were, and everything started again."""

from __future__ import annotations

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
    notes = repository.snapshots()
    target = catalogue.choose(repository.backups(), notes, at=at, to=to, now=datetime.now(timezone.utc))
    media = [name for name in repository.all_volumes if name != SECRETS or secrets]
    snapshot = catalogue.files_for(notes, target.at or (target.backup.ended if target.kind == "immediate" else None))
    print("\n".join(lines(target, snapshot, media)), flush=True)
    agree(yes=yes)
    with repository.running():
        if target.kind != "immediate" and (problem := unarchived(repository)):
            print(
                f"warning: {problem}\n  what the present database has and the archive has not will be gone", flush=True
            )
            agree(yes=yes)
        console.heading("Stopping the services")
        services = [name for name in process.capture(compose.services()).stdout.split() if name != containers.SERVICE]
        step(containers.stop_services(services), "the services cannot be stopped")
        console.heading("Restoring PostgreSQL")
        recovered = recover(target)
        console.heading("Restoring files, and emptying the broker and the results")
        if snapshot and media:
            command = containers.files(repository.place, "restore", snapshot.id, *media, volumes=media, restores=True)
            repository.ask(command, "the files cannot be restored")
        step(compose.remove(containers.EMPTIED), "the broker cannot be emptied")
        emptied = [repository.place.volumes[name] for name in containers.EMPTIED if name in repository.place.volumes]
        repository.ask(containers.remove_volumes(emptied), "the broker cannot be emptied")
        if secrets:
            repository.ask(compose.secret_changes(), "the secrets cannot be handed out")
        console.heading("Starting")
        step(compose.up(), "the stack did not get healthy: ./stack doctor says why; the old data is still there")
        repository.ask(containers.at_database("restore", "done"), "the old data cannot be removed")
        # The archive goes on in another timeline now, and a recovery stays in the timeline of its backup.
        console.heading("Making a backup of what was restored")
        make.make(repository)
    print(f"\nPostgreSQL is back as of {catalogue.for_people(recovered)}")
    if snapshot and media:
        print(f"files are back as of {catalogue.for_people(snapshot.time)}: {', '.join(media)}")
    print("durable tasks that were accepted and not done by then run now; RabbitMQ and Redis began empty")
    return 0


def lines(target: Target, snapshot: Snapshot | None, media: Sequence[str]) -> list[str]:
    """Return the description of a restore, for people."""
    files = f"{', '.join(media)}, as of {catalogue.for_people(snapshot.time)}" if snapshot and media else "none"
    return [
        f"PostgreSQL, with all databases, goes back to {target.words}",
        f"  from the {target.backup.kind} backup {target.backup.label} and the write-ahead log",
        f"files that are missing or have changed come back: {files}; newer files stay",
        "everything that was written later is lost; RabbitMQ and Redis are emptied",
        "all services stop meanwhile; the present data stays beside the restored until that serves",
    ]


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
    if process.capture(containers.at_database("archiving", "apply")).code != 0:
        return ""  # it does not run: there is nothing to archive
    try:
        make.flush(repository)
    except StackError as error:
        return str(error)
    return ""


def recover(target: Target) -> datetime:
    """Restore the database, and return the time of the last transaction that it has.

    Raises:
        StackError: it failed; the old data is as it was.
    """
    output = process.capture(containers.restore_database("begin", *target.arguments), timeout=24 * 3600)
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
