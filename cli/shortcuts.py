"""A developer's short commands: each is a Compose command that is long to type. Nothing here runs anything."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.compose import compose
from cli.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Commands of Django that write into the checkout, which the running service has read-only.
WRITING = {"makemigrations", "makemessages", "compilemessages", "startapp", "squashmigrations", "optimizemigration"}
#: The operator's password goes to Redis' client by a variable of that one process.
REDIS_CLI = 'REDISCLI_AUTH=$(cat /run/secrets/operator) exec redis-cli --user operator "$@"'


@dataclass(frozen=True)
class Shortcut:
    """One short command.

    Args:
        help: what it does, in a line.
        usage: what its arguments are called.
        command: makes the Compose command of the arguments and of whether a person sits at a terminal.
        least: how many arguments it needs.
    """

    help: str
    usage: str
    command: Callable[[Sequence[str], bool], list[str]]
    least: int = 0


def inside(service: str, *command: str, terminal: bool) -> list[str]:
    """Return the command that runs ``command`` in the container of ``service`` that serves."""
    return compose("exec", *([] if terminal else ["-T"]), service, *command)


def beside(service: str, folder: str, *command: str, terminal: bool) -> list[str]:
    """Return the command that runs ``command`` in a container of its own, which may write into the checkout.

    Args:
        service: whose image and settings it gets.
        folder: the service's folder in the checkout.
        command: the command. What it writes belongs to the user who asked for it.
        terminal: whether a person sits there.
    """
    options = ["--rm", "--no-deps", "--user", f"{os.getuid()}:{os.getgid()}", "--volume", f"{ROOT / folder}:/app"]
    return compose("run", *options, *([] if terminal else ["-T"]), service, *command)


def manage(arguments: Sequence[str], terminal: bool) -> list[str]:  # noqa: FBT001 - as the table has it
    """Return the command for ``manage.py``; where that writes into the checkout, it gets a container that may."""
    command = ("python", "manage.py", *arguments)
    if WRITING & set(arguments[:1]):
        return beside("web-django", "services/web-django", *command, terminal=terminal)
    return inside("web-django", *command, terminal=terminal)


SHORTCUTS = {
    "ps": Shortcut(
        "list the containers and how they are", "[OPTION ...]", lambda arguments, _: compose("ps", "--all", *arguments)
    ),
    "manage": Shortcut("run Django's manage.py; `makemigrations` writes into the checkout", "COMMAND ...", manage),
    "flask": Shortcut(
        "run Flask's command line in the API",
        "COMMAND ...",
        lambda arguments, terminal: inside("api-flask", "flask", *arguments, terminal=terminal),
    ),
    "alembic": Shortcut(
        "run Alembic for the API; `revision --autogenerate -m TEXT --rev-id 0004` writes into the checkout",
        "COMMAND ...",
        lambda arguments, terminal: beside(
            "migrate-api", "services/api-flask", "alembic", *arguments, terminal=terminal
        ),
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
