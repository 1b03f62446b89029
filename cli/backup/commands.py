"""The command lines of ``./stack backup``, ``restore``, ``drill`` and ``recovery-kit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli import host
from cli.backup import drill, kit, make, restore
from cli.backup.repository import Repository
from cli.settings import Settings

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands to those of ``./stack``."""
    backup_ = commands.add_parser("backup", help="back up all databases, files and secrets; or list the backups")
    backup_.add_argument(
        "action",
        nargs="?",
        choices=("list", "verify"),
        help="print the backups; or read all of them and compare checksums",
    )
    kinds = backup_.add_mutually_exclusive_group()
    kinds.add_argument("--full", dest="kind", action="store_const", const="full", default="", help="all data")
    kinds.add_argument(
        "--diff", dest="kind", action="store_const", const="diff", help="what has changed since the last full backup"
    )
    backup_.add_argument("--name", default="", help="a name for this moment, for ./stack restore --to")
    restore_ = commands.add_parser("restore", help="restore everything as it was at a time; asks first")
    moments = restore_.add_mutually_exclusive_group(required=True)
    moments.add_argument("latest", nargs="?", choices=("latest",), help="the newest state that was archived")
    moments.add_argument("--at", default="", metavar="TIME", help='such as "2026-11-29 14:03:07+00"')
    moments.add_argument("--to", default="", metavar="NAME", help="the name of a moment, or of a backup")
    restore_.add_argument("--secrets", action="store_true", help="the secrets, too: for a new machine")
    restore_.add_argument("--any-release", action="store_true", help="also data of a newer release than this code")
    restore_.add_argument("--yes", action="store_true", help="do not ask")
    drill_ = commands.add_parser(
        "drill", help="restore the newest backup beside the stack, and compare it with its record"
    )
    drill_.add_argument("--elsewhere", action="store_true", help="fetch the backups from elsewhere, and restore those")
    kit_ = commands.add_parser("recovery-kit", help="print what is needed to open the backups on another machine")
    kit_.add_argument("--yes", action="store_true", help="do not ask")


def run(options: argparse.Namespace, arguments: Sequence[str]) -> int:
    """Run one of the commands and return its exit status.

    Args:
        options: the parsed arguments.
        arguments: the arguments of ``./stack``.
    """
    project = Settings.read().project
    if options.command == "recovery-kit":
        return kit.kit(project, yes=options.yes)
    if options.command == "backup" and options.action == "list":
        return make.listing(Repository.read())
    with host.only_one(f"stack-{project}"):
        if options.command == "backup" and options.action == "verify":
            return make.verify(arguments)
        if options.command == "backup":
            return make.backup(arguments, kind=options.kind, name=options.name)
        if options.command == "drill":
            return drill.drill(arguments, elsewhere=options.elsewhere)
        wanted = restore.Wanted(options.at, options.to, options.yes, options.secrets, options.any_release)
        return restore.restore(arguments, wanted)
