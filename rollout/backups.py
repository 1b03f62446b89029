"""``landfast backups``: what playbooks and timers call on the host that keeps the data. docs/how-to/backups.md.

The steps are those of ``./stack backup`` and ``./stack restore`` (cli/backup). A restore has three here, because
managers stop and start the services in between.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from cli.backup import catalogue, drill, make, restore, server
from cli.backup.server import ServerRepository
from cli.console import StackError
from rollout.errors import RolloutError
from rollout.lock import only_one
from rollout.records import now

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

#: The lock of the work on this host's backups.
LOCK = Path("/run/lock/landfast-backups")
#: Seconds that a backup or a drill waits for the end of another one.
PATIENCE = 6 * 3600
#: The name of the newest state.
LATEST = "latest"
#: How a deploy goes on without them.
WITHOUT = "-e release_without_backup=true deploys all the same"
#: Commands of a laptop in messages -> those of servers.
COMMANDS = {
    "./stack backup --full": "playbooks/backup.yml -e kind=full",
    "./stack backup": "playbooks/backup.yml",
    "./stack restore latest": "playbooks/restore.yml -e to=latest",
    "./stack up": "playbooks/deploy.yml",
    "./stack secret backup_passphrase": "backup_passphrase in the vault",
}


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to those of ``landfast``."""
    parser = commands.add_parser("backups", help="list the backups of this host, make one, or restore one")
    actions = parser.add_subparsers(dest="action")
    actions.add_parser("list")
    preparing = actions.add_parser("prepare", help="make the repository before its service starts")
    preparing.add_argument("image", help="the image of the repository, by its digest")
    making = actions.add_parser("make")
    making.add_argument("--kind", choices=("", "full", "diff"), default="")
    making.add_argument("--name", default="", help="a name for the moment after it")
    actions.add_parser("drill", help="rehearse the restore of the newest backup, and compare it with its record")
    recent = actions.add_parser("recent", help="fail if the newest backup is old; make one if there is none")
    recent.add_argument("--hours", type=float, required=True, help="how old it may be")
    marking = actions.add_parser("mark", help="give this moment a name")
    marking.add_argument("name")
    for action in ("plan", "restore"):
        restoring = actions.add_parser(action)
        restoring.add_argument("--at", default="", help='a time, such as "2026-11-29 14:03:07+00"')
        restoring.add_argument("--to", default="", help="the name of a moment or of a backup, or latest")
    actions.add_parser("settle", help="remove the data from before a restore, and make a backup")


def run(arguments: argparse.Namespace) -> int:
    """Run the command that ``arguments`` name and return the exit status.

    Raises:
        RolloutError: it failed.
        BusyError: other work on the backups must end before.
    """
    try:
        return ACTIONS[arguments.action or "list"](arguments)
    except StackError as error:
        message = str(error)
        for laptop, servers in COMMANDS.items():
            message = message.replace(laptop, servers)
        first, *others = message.splitlines()
        raise RolloutError(first, tuple(each.strip() for each in others)) from error


def listed(_: argparse.Namespace) -> int:
    """Print the backups and the named moments."""
    return make.listing(ServerRepository.of_host())


def prepared(arguments: argparse.Namespace) -> int:
    """Make the repository; nothing changes if it is there."""
    server.prepare(arguments.image)
    return 0


def made(arguments: argparse.Namespace) -> int:
    """Make a backup."""
    make.check_name(arguments.name)
    with alone("backup"):
        return make_one(arguments.kind, arguments.name)


def make_one(kind: str = "", name: str = "") -> int:
    """Make a backup; the arguments are those of :func:`cli.backup.make.whole`."""
    repository = ServerRepository.of_host()
    repository.build(())
    return make.whole(repository, kind=kind, name=name)


def drilled(_: argparse.Namespace) -> int:
    """Rehearse the restore of the newest backup."""
    with alone("drill"):
        return drill.compare(ServerRepository.of_host())


def recent_enough(arguments: argparse.Namespace) -> int:
    """Make sure that there is a backup that is not too old, before a deploy.

    Raises:
        StackError: the newest backup is too old, or the first one cannot be made.
    """
    if not server.has_run():
        print("no release with a repository of backups has run here yet")
        return 0
    found = ServerRepository.of_host().backups()
    if not found:
        with alone("backup"):  # the first one may be at work, since the end of the first deploy
            found = ServerRepository.of_host().backups()
            return 0 if found else make_one()
    check_age(found, timedelta(hours=arguments.hours), datetime.now(timezone.utc))
    return 0


def check_age(found: Sequence[catalogue.Backup], limit: timedelta, moment: datetime) -> None:
    """Make sure that the newest backup is young enough.

    Args:
        found: the backups, the oldest first.
        limit: the greatest age.
        moment: the time.

    Raises:
        StackError: it is older.
    """
    age = moment - found[-1].ended
    if age > limit:
        raise StackError(
            f"the newest backup ended {age.total_seconds() / 3600:.0f} hours ago, at "
            f"{catalogue.for_people(found[-1].ended)}; a deploy wants one of the last {limit.total_seconds() / 3600:g}",
            f"playbooks/backup.yml makes one and shows what prevents it; {WITHOUT}",
        )


def marked(arguments: argparse.Namespace) -> int:
    """Give this moment a name, so that a restore may go back to it."""
    make.check_name(arguments.name)
    if server.has_run():
        try:
            make.mark(ServerRepository.of_host(), arguments.name)
        except StackError as error:
            raise StackError(str(error), WITHOUT) from error
        print(f"restore point {arguments.name}")
    return 0


def planned(arguments: argparse.Namespace) -> int:
    """Print what a restore would do, and refuse a moment that cannot be restored. Nothing changes."""
    repository = ServerRepository.of_host()
    choice = choose(repository, arguments)
    warning = restore.check(repository, choice.target)
    print("\n".join([*choice.lines, *([warning] if warning else [])]))
    return 0


def restored(arguments: argparse.Namespace) -> int:
    """Restore PostgreSQL and the files while the services are stopped, and empty the broker and the results."""
    with alone("restore", patience=0):
        repository = ServerRepository.of_host()
        choice = choose(repository, arguments)
        moment = restore.recover(repository, choice.target)
        restore.restore_files(repository, choice)
        volumes = [name for name in restore.emptied(repository) if server.is_there(name)]
        server.remove_volumes(repository, volumes)
    print("\n".join(restore.outcome(choice, moment)))
    return 0


def settled(_: argparse.Namespace) -> int:
    """Remove the data from before a restore, now that the restored data serves."""
    with alone("restore"):
        restore.settle(ServerRepository.of_host())
    return 0


def choose(repository: ServerRepository, arguments: argparse.Namespace) -> restore.Choice:
    """Return what to restore.

    Raises:
        StackError: that moment cannot be restored, or none is named.
    """
    if bool(arguments.at) == bool(arguments.to):
        raise StackError("name a moment", "at=TIME, or to=NAME, or to=latest")
    return restore.choose(repository, at=arguments.at, to="" if arguments.to == LATEST else arguments.to)


def alone(what: str, patience: float = PATIENCE) -> AbstractContextManager[None]:
    """Return the lock of this host's backups: one of these programs at a time.

    Args:
        what: this work.
        patience: seconds to wait for the end of another one.
    """
    # All have the same object, so that one waits for the other.
    return only_one(what, "the backups", "landfast", since=now(), patience=patience, path=LOCK)


ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "list": listed,
    "prepare": prepared,
    "make": made,
    "drill": drilled,
    "recent": recent_enough,
    "mark": marked,
    "plan": planned,
    "restore": restored,
    "settle": settled,
}
