"""``./stack bench``: measurements of this machine's stack and of WSGI servers. ``tests/bench`` measures and prints."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from cli import prepare, process
from cli.console import Phases, StackError
from cli.settings import ROOT, Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What can be measured, in the order of a run of all.
KINDS = {
    "edge": "Nginx with all settings, beside bare Nginx and the usual template's server",
    "wsgi": "all WSGI servers side by side",
    "tasks": "durable tasks beside plain Celery",
    "scale": "more containers of the site",
    "database": "PostgreSQL with the sizes of its memory beside fixed ones, by pgbench",
    "pages": "the processor's time of the site's pages, and of a process's start",
}
MOST = 1_000_000


def number(text: str) -> int:
    """Return a number of rounds or seconds.

    Raises:
        argparse.ArgumentTypeError: it is none, or less than 1.
    """
    if not text.isdecimal() or not 1 <= int(text) <= MOST:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments after ``./stack bench``."""
    lines = "\n".join(f"  {name:8} {text}" for name, text in KINDS.items())
    found = argparse.ArgumentParser(
        prog="./stack bench",
        description="Measure, in containers of its own: interleaved rounds, medians, ratios.",
        epilog=f"kinds:\n{lines}\n\ndocs/how-to/bench.md explains the tables.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = ("all", *KINDS)
    found.add_argument("kinds", nargs="*", choices=kinds, default="all", metavar="KIND", help="all, if none is named")
    found.add_argument("--long", action="store_true", help="more connections, rounds and seconds: hours, not minutes")
    found.add_argument("--rounds", type=number, help="how often each case is measured")
    found.add_argument("--seconds", type=number, help="the length of each measurement")
    found.add_argument("--seed", type=number, default=1, help="of the random order within each round")
    found.add_argument("--write", action="store_true", help="put the results into docs/performance.md")
    found.add_argument("--servers", default="", metavar="NAMES", help="for wsgi: these alone, such as gunicorn,granian")
    own = found.add_argument_group("an application of yours, for wsgi; its stack must run")
    own.add_argument("--service", default="", metavar="SERVICE", help="whose settings, secrets and networks to use")
    own.add_argument("--application", default="", metavar="WSGI", help="its WSGI application, such as mine.wsgi:app")
    own.add_argument("--path", default="/", help="the page to request")
    own.add_argument("--host", default="localhost", help="the host name to request it by")
    found.add_argument("--yes", action="store_true", help="install missing programs without asking")
    return found


def main(arguments: Sequence[str]) -> int:
    """Measure what ``arguments`` select and return the exit status.

    Args:
        arguments: the arguments after ``./stack bench``.

    Raises:
        StackError: the options do not fit together, or the machine lacks a program that cannot be installed.
    """
    from cli import devenv  # noqa: PLC0415 - completion needs the parser alone

    options = parser().parse_args(list(arguments))
    check(options)
    variables = prepare.prepare(Settings.read(), Phases(), ["bench", *arguments], yes=options.yes, ports=False)
    environment = devenv.host()
    environment.provide()
    command = environment.module("tests.bench", *arguments)
    return process.run(command, env={**variables, "PYTHONPATH": str(ROOT)})


def check(options: argparse.Namespace) -> None:
    """Refuse options that do not fit together.

    Raises:
        StackError: the options of an application are incomplete, or those of another kind of measurement.
    """
    if bool(options.service) != bool(options.application):
        raise StackError(
            "--service and --application go together", "for example: --service mine --application mine.wsgi:application"
        )
    if options.service and options.kinds != ["wsgi"]:
        raise StackError("--service is for the WSGI servers", "./stack bench wsgi --service …")
