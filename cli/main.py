"""The commands: up, down, update, doctor, test, backup, restore, app, upgrade and more; short ones of Compose's."""

from __future__ import annotations

import argparse
import io
import os
import signal
import sys
from typing import TYPE_CHECKING

from cli import (
    applications,
    bench,
    completion,
    compose,
    console,
    debugging,
    doctor,
    host,
    logs,
    outdated,
    prepare,
    process,
    sbom,
    services,
    updates,
)
from cli import commands as room_commands
from cli.app import check, listing, plan
from cli.app import commands as app
from cli.backup import commands as backups
from cli.console import Phases, StackError
from cli.preflight import State
from cli.settings import ROOT, Settings
from cli.shortcuts import SHORTCUTS, applications_own
from cli.upgrade import releases
from cli.upgrade.command import upgrade

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from cli.app.plan import Plan

INTERRUPTED = 130
TERMINATED = 143
#: 128 and SIGPIPE
UNREAD = 141


def main(arguments: Sequence[str]) -> int:
    """Run ``./stack`` with ``arguments`` and return its exit status."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # keeps the order with Docker's lines, and works in every locale
        sys.stdout.reconfigure(line_buffering=True, errors="replace")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    try:
        return dispatch(list(arguments))
    except StackError as error:
        print(f"./stack: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\n./stack: interrupted; the same command continues where it stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader has closed the pipe (`| head`); Python's flush at exit must not fail either
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD


def dispatch(arguments: list[str]) -> int:
    """Run the command that ``arguments`` name. A wrong file of an application takes that one's commands away alone."""
    for problem in room_commands.problems():
        print(f"./stack: warning: {problem}", file=sys.stderr)
    handed_on = hand_on(arguments)
    if handed_on is not None:
        return handed_on()
    options = parser().parse_args(arguments)
    commands: dict[str, Callable[[], int]] = {
        "up": lambda: up(arguments, yes=options.yes),
        "down": lambda: down(volumes=options.volumes, yes=options.yes),
        "update": lambda: update(arguments, yes=options.yes),
        "doctor": doctor.doctor,
        "sbom": lambda: sbom.show(options.service),
        "secret": lambda: secret(options.name),
        "logs": lambda: logs.show(options.service, request=options.request, follow=options.follow, lines=options.lines),
        "debug": lambda: with_files(debugging.debug(options.service)),
        "app": lambda: app.run(options, arguments),
        "upgrade": lambda: upgrade(options.version, options.source, dry_run=options.dry_run),
        "completion": lambda: complete(options.shell),
        **dict.fromkeys(("backup", "restore", "drill", "recovery-kit"), lambda: backups.run(options, arguments)),
    }
    return commands[options.command]()


def hand_on(arguments: list[str]) -> Callable[[], int] | None:
    """Return the function for a command that parses its arguments itself; None for all others.

    The tests have options of their own, and so have the programs behind short commands.
    """
    name, rest = "".join(arguments[:1]), arguments[1:]
    if name == "test":
        return lambda: test(rest)
    if name == "bench":
        return lambda: bench.main(rest)
    if name == "--version":
        return version
    if [name, *rest[:2]] == ["completion", completion.ASK, "--"]:
        return lambda: complete_words(rest[2:])
    own = applications_own()
    if several := [each for each in own if each.endswith(f":{name}")] if name not in own else []:
        raise StackError(f"several applications have a command {name}", f"say whose: {' or '.join(several)}")
    short = SHORTCUTS.get(name) or own.get(name)
    if short and len(rest) >= short.least and not {"-h", "--help"} & set(rest[:1]):
        return lambda: with_files(process.run(short.command(rest, console.may_ask())))
    return None


def with_files(code: int) -> int:
    """Return the exit status of a command of Compose.

    Raises:
        StackError: it failed, and Compose cannot read its files. Its own message does not name the file.
    """
    if code != 0:
        plan.check_files()
    return code


def parser(tests: argparse.ArgumentParser | None = None) -> argparse.ArgumentParser:
    """Return the parser of the command line.

    Args:
        tests: the parser of the arguments after ``test``, for completion; with it, those after ``bench`` are there too.
    """
    top = argparse.ArgumentParser(prog="./stack", description="The whole stack, from a fresh machine to healthy.")
    top.add_argument("--version", action="version", version="", help="print this checkout's release and commit")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up_ = commands.add_parser("up", help="make the machine ready, build, start and wait until all is healthy")
    up_.add_argument(
        "--yes", action="store_true", help="install what is missing without asking (CI=true does the same)"
    )
    down_ = commands.add_parser("down", help="stop the stack and keep its data")
    down_.add_argument("--volumes", action="store_true", help="delete the data too, after asking")
    down_.add_argument("--yes", action="store_true", help="do not ask")
    update_ = commands.add_parser("update", help="build and start images again that lack Debian's security updates")
    update_.add_argument("--yes", action="store_true", help="as for up")
    commands.add_parser("doctor", help="say what is wrong with the machine or a service, and the next step")
    commands.add_parser(
        "test",
        help="check the promises as CI does; --quick checks less, --all everything",
        add_help=False,
        parents=[tests] if tests else [],
    )
    commands.add_parser(
        "bench",
        help="measure the edge, WSGI servers, tasks and scaling, side by side",
        add_help=False,
        parents=[bench.parser()] if tests else [],
    )
    sbom_ = commands.add_parser("sbom", help="list the packages in images as CycloneDX: all images' into files")
    sbom_.add_argument("service", nargs="*", metavar="SERVICE", help="whose image; its list is printed")
    secret_ = commands.add_parser("secret", help="print a generated password, such as admin_password")
    secret_.add_argument("name", metavar="SECRET")
    logs_ = commands.add_parser("logs", help="show the services' logs for people, tracebacks unfolded")
    logs_.add_argument("service", nargs="*", metavar="SERVICE", help="whose logs; all services' if none is named")
    logs_.add_argument("--request", metavar="ID", default="", help="only lines with this id: X-Request-ID, or a task's")
    logs_.add_argument("-f", "--follow", action="store_true", help="wait for more")
    logs_.add_argument("-n", "--lines", type=int, help="how many of each container's last lines: 200, or all for an id")
    debugged = room_commands.debugged()
    debug_ = commands.add_parser("debug", help="run a service in this terminal, where breakpoint() stops it")
    debug_.add_argument("service", metavar="SERVICE", choices=tuple(debugged), help=", ".join(debugged))
    app.add_to(commands)
    backups.add_to(commands)
    upgrade_ = commands.add_parser("upgrade", help="merge a newer release of Landfast; your own files stay")
    upgrade_.add_argument("version", nargs="?", default="", metavar="VERSION", help="the newest if none is named")
    upgrade_.add_argument(
        "--from", dest="source", default="", metavar="REMOTE", help="a remote or an address; else upstream, or origin"
    )
    upgrade_.add_argument("--dry-run", action="store_true", help="only say what would happen")
    completion_ = commands.add_parser("completion", help="print what makes a shell complete these commands")
    completion_.add_argument("shell", choices=tuple(completion.SCRIPTS))
    # Their arguments are read where they run: here they are explained.
    for name, short in {**applications_own(), **SHORTCUTS}.items():
        # argparse fills percent signs in: in each help, and in a description that has %(prog).
        text = short.help.replace("%", "%%")
        command = commands.add_parser(name, help=text, usage=f"./stack {name} {short.usage}")
        command.description = short.help if "%(prog)" not in text else text
        metavar = short.usage.partition(" ")[0]
        command.add_argument("rest", nargs="+" if short.least else "*", metavar=metavar, help=argparse.SUPPRESS)
    return top


def up(arguments: list[str], *, yes: bool) -> int:
    """Prepare the machine, build the images, start the stack and wait for it.

    Args:
        arguments: the arguments of ``./stack``, in case it has to start again.
        yes: whether the user has agreed to an installation.

    Raises:
        StackError: a step failed; the finished steps stay, and the next run continues from there.
    """
    settings, phases = Settings.read(), Phases()
    with host.only_one(f"stack-{settings.project}"):
        environment = prepare.prepare(settings, phases, arguments, yes=yes)
        plans = plan.check()
        console.heading("Building images")
        with phases.phase("images"):
            if not updates.build_all(environment):
                prepare.explain_build(settings)
                raise StackError("the images could not be built", "fix Docker's error above, then ./stack up again")
        plans = plans or plan.read_all()
        console.heading("Starting")
        with phases.phase("start"):
            outdated.remove(settings.project)
            started = process.run(compose.up(), env=environment)
        if started != 0:
            doctor.explain_networks()
            doctor.explain_services()
            raise StackError("the stack did not get healthy", "take the next step above, then ./stack up again")
        with phases.phase("ask"):
            ask(settings, plans.values())
    print(f"\n{console.columns(summary(settings))}\n\n{console.columns(phases.rows())}")
    return 0


def update(arguments: list[str], *, yes: bool) -> int:
    """Build the images that lack security updates on fresh packages, restart their containers and test the stack.

    Args:
        arguments: the arguments of ``./stack``, in case it has to start again.
        yes: whether the user has agreed to an installation.

    Raises:
        StackError: nothing was changed, or the former images run again.
    """
    settings, phases = Settings.read(), Phases()
    with host.only_one(f"stack-{settings.project}"):
        environment = prepare.prepare(settings, phases, arguments, yes=yes)

        def build(base: str, services: Sequence[str]) -> None:
            if process.run(compose.build(*services), env={**environment, "BASE_IMAGE": base}) != 0:
                prepare.explain_build(settings)
                raise StackError("the images could not be built")

        def start() -> str:
            if process.run(compose.up(), env=environment) != 0:
                return "the stack did not get healthy"
            try:
                ask(settings, plan.read_all().values())
            except StackError as error:
                return str(error)
            return ""

        console.heading("Asking the Debian mirror")
        done = updates.update(updates.builders(), environment["BASE_IMAGE"], settings, build, start)
    return 0 if done else 1


def ask(settings: Settings, plans: Iterable[Plan]) -> None:
    """Request the pages that the contracts name (``http.smoke``), as visitors do.

    Args:
        settings: the settings of the stack.
        plans: the plans of all contracts.

    Raises:
        StackError: an answer is wrong.
    """
    wanted = [each for known in plans for each in known.smoke]
    wrong = [each.text for each in check.smoke(wanted, settings) if each.state is State.FAILED]
    if wrong:
        raise StackError("all services are healthy, and yet visitors get wrong answers:\n  " + "\n  ".join(wrong))


def summary(settings: Settings) -> list[tuple[str, str]]:
    """Return the addresses, and how to log in."""
    ports = settings.ports
    files = {room.name: room / "compose.yaml" for room in applications.rooms()}
    found = {name: listing.addresses(file, settings) for name, file in files.items() if file.is_file()}
    return [
        *((name, addresses[0]) for name, addresses in found.items() if addresses),
        ("", f"https://…:{ports['HTTPS_PORT']} likewise (with a certificate of its own making)"),
        ("console", f"{settings.public_url}/console/, with Flower, RabbitMQ and durable tasks"),
        ("", f"as {settings.operator}; `./stack secret operator_password` prints the password"),
        ("mail inbox", f"http://localhost:{ports['MAIL_PORT']}"),
    ]


def down(*, volumes: bool, yes: bool) -> int:
    """Remove the containers, and with ``volumes`` the data.

    Args:
        volumes: whether to delete the data.
        yes: whether the user has agreed beforehand.

    Raises:
        StackError: the user has not agreed to delete the data, or Compose failed.
    """
    settings = Settings.read()
    with host.only_one(f"stack-{settings.project}"):
        if volumes and not yes:
            if not console.may_ask():
                raise StackError("--volumes deletes all data", "./stack down --volumes --yes does so without asking")
            if not console.confirm(f"Delete all data of {settings.project!r}: database, mails, passwords, backups?"):
                raise StackError("nothing was deleted")
        if with_files(process.run(compose.down(volumes=volumes))) != 0:
            raise StackError("the stack could not be removed", "./stack doctor says whether Docker is well")
    return 0


def version() -> int:
    """Print the release of Landfast, and the commit of this checkout, which names a deploy on servers."""
    options = ("--always", "--dirty", "--abbrev=12", "--exclude=*")  # a tag must not replace the commit
    described = process.capture(["git", "-C", str(ROOT), "describe", *options])
    print(f"landfast {releases.text(releases.here())} {described.stdout.strip() or 'of no Git checkout'}")
    return 0


def secret(name: str) -> int:
    """Print a secret of the local stack.

    Args:
        name: a secret that contracts declare.

    Raises:
        StackError: no stack was started here yet, or Docker does not answer.
    """
    project = Settings.read().project
    volume = process.capture(compose.volume_exists(f"{project}_secrets"))
    if volume.code != 0:
        missing = "no such volume" in volume.stderr.lower()
        problem = f"{project!r} has no secrets yet" if missing else volume.stderr.strip()
        raise StackError(problem, "./stack up makes them" if missing else "./stack doctor says whether Docker is well")
    return with_files(process.run(compose.show_secret(name)))


def test(arguments: list[str]) -> int:
    """Run the checks of ``cli.checks``.

    Args:
        arguments: the arguments after ``./stack test``; a service's name stands for its unit tests and types.

    Raises:
        StackError: see ``cli.checks.main``; or a service has no tests of its own.
    """
    from cli import checks, suites  # noqa: PLC0415 - only tests need these imports

    return checks.main(services.as_steps(arguments, lambda: {step.name for step in suites.quick()}))


def complete(shell: str) -> int:
    """Print the script that makes ``shell`` complete the commands."""
    print(completion.SCRIPTS[shell], end="")
    return 0


def complete_words(typed: list[str]) -> int:
    """Print the completions of the last word of ``typed``, one per line."""
    from cli import checks  # noqa: PLC0415 - only tests and completion need this import

    print(*completion.words(typed or [""], parser(checks.parser())), sep="\n")
    return 0
