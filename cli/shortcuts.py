"""A developer's short commands for long Compose commands. This module runs no program."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from cli import commands
from cli.compose import compose
from cli.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: The operator's password goes to Redis' client by a variable of that one process.
REDIS_CLI = 'REDISCLI_AUTH=$(cat /run/secrets/operator) exec redis-cli --user operator "$@"'


@dataclass(frozen=True)
class Shortcut:
    """One short command.

    Args:
        help: its description, in a line.
        usage: the names of its arguments.
        command: makes the Compose command from the arguments and from whether there is a terminal.
        least: the number of arguments that it needs.
    """

    help: str
    usage: str
    command: Callable[[Sequence[str], bool], list[str]]
    least: int = 0


def inside(service: str, *command: str, terminal: bool) -> list[str]:
    """Return the command that runs ``command`` in the running container of ``service``."""
    return compose("exec", *([] if terminal else ["-T"]), service, *command)


def beside(service: str, folder: str, *command: str, terminal: bool) -> list[str]:
    """Return the command that runs ``command`` in a separate container, which may write into the checkout.

    Args:
        service: the service whose image and settings the container gets.
        folder: the service's folder in the checkout.
        command: the command. Its files belong to the user who runs it.
        terminal: whether there is a terminal.
    """
    options = ["--rm", "--no-deps", "--user", f"{os.getuid()}:{os.getgid()}", "--volume", f"{ROOT / folder}:/app"]
    return compose("run", *options, *([] if terminal else ["-T"]), service, *command)


def applications_own() -> dict[str, Shortcut]:
    """Return the commands that applications bring."""
    return {name: Shortcut(each.help, "[ARGUMENT ...]", partial(own, each)) for name, each in commands.found().items()}


def own(command: commands.Command, arguments: Sequence[str], terminal: bool) -> list[str]:  # noqa: FBT001 - as the table has it
    """Return the command that runs an application's; one that writes into its folder gets a container that may."""
    words = (*command.command, *arguments)
    if command.may_write(arguments):
        return beside(command.service, f"services/{command.room}", *words, terminal=terminal)
    return inside(command.service, *words, terminal=terminal)


#: Those that every stack has.
SHORTCUTS = {
    "ps": Shortcut(
        "list the containers and their states", "[OPTION ...]", lambda arguments, _: compose("ps", "--all", *arguments)
    ),
    "shell": Shortcut(
        "open a shell in a service's container, or run a command there",
        "SERVICE [COMMAND ...]",
        lambda arguments, terminal: inside(arguments[0], *(arguments[1:] or ["bash"]), terminal=terminal),
        least=1,
    ),
    "psql": Shortcut(
        "open psql as the database's superuser",
        "[OPTION ...]",
        lambda arguments, terminal: inside(
            "postgres", "sh", "-c", 'exec psql --dbname="$POSTGRES_DB" "$@"', "psql", *arguments, terminal=terminal
        ),
    ),
    "redis-cli": Shortcut(
        "open redis-cli on the Redis that keeps results",
        "[COMMAND ...]",
        lambda arguments, terminal: inside("redis", "sh", "-c", REDIS_CLI, "redis-cli", *arguments, terminal=terminal),
    ),
}
