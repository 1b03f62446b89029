"""``landfast COMMAND``, which the playbooks call on a manager."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rollout import backups, fresh_packages, host, logs, preflight, quorum, shared, standstill, status, whole
from rollout.change import Change, apply, locked, read_options, recover
from rollout.engine import Engine
from rollout.errors import BusyError, RolloutError, TransientError
from rollout.follow import follow
from rollout.records import Records
from rollout.resume import resume
from rollout.watch import watch

FAILED, BUSY = 1, 75
#: Commands that read the records, which another manager may have changed.
SHARED = ("current", "find", "images", "pending", "watch", "updates", "renew", "update")
READING = ("current", "find", "tidy", "images")
GUARDS = ("check", "busy", "whole", "hold", "stop")


def report(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def main() -> int:
    """Run the command that the arguments name and return the exit status."""
    parser = argparse.ArgumentParser(prog="landfast", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("apply", "recover", "pending", "watch"):
        commands.add_parser(command).add_argument("options", type=Path, help="a JSON file: see change.apply")
    showing = commands.add_parser("status")
    showing.add_argument("--hosts", action="store_true", help="read the hosts' reports, a JSON list, on standard input")
    reading = commands.add_parser("logs")
    reading.add_argument("--service", default="", help="the service; all by default")
    reading.add_argument("--lines", default="", help="the number of last lines of each container, or all")
    reading.add_argument("--containing", default="", help="text that a line must contain, such as a request's id")
    following = commands.add_parser("follow")
    following.add_argument("result", type=Path, help="the result file of a rollout")
    following.add_argument("--known", type=int, default=0, help="the number of lines that are known already")
    updating = commands.add_parser("update")
    updating.add_argument("options", type=Path, help="a JSON file: see fresh_packages.update")
    for command in ("current", "tidy", "updates", "renew", "resume"):
        commands.add_parser(command)
    for command in ("busy", "find"):
        commands.add_parser(command).add_argument("release", nargs="?", default="")
    checking = commands.add_parser("check")
    checking.add_argument("release", nargs="?", default="")
    checking.add_argument("--minimum-mb", type=int, default=0)
    checking.add_argument("--away", action="store_true", help="let nodes be down")
    waiting = commands.add_parser("whole")
    waiting.add_argument("--seconds", type=float, default=0, help="how long to wait; by default a single check")
    holding = commands.add_parser("hold")
    for name in ("what", "release", "who"):
        holding.add_argument(name, help="text for the lock's description")
    images = commands.add_parser("images")
    images.add_argument("--releases", type=int, required=True, help="the number of newest releases")
    commands.add_parser("stop", help="stop all services but Nginx and the backups' for a restore; a deploy starts them")
    backups.add_to(commands)
    arguments = parser.parse_args()
    engine, records = Engine(), Records()
    try:
        return dispatch(arguments, engine, records)
    except RolloutError as error:
        report(str(error))
        return BUSY if isinstance(error, BusyError) else FAILED


def dispatch(arguments: argparse.Namespace, engine: Engine, records: Records) -> int:
    """Run the command that ``arguments`` name and return the exit status."""
    command = arguments.command
    if command in SHARED:
        with suppress(RolloutError):  # without the other managers this one's own records are the best there are
            shared.pull(engine.impatient, records)
    if command in GUARDS:
        guard(arguments, engine, records)
    elif command == "status":
        return show_status(engine, records, json.load(sys.stdin) if arguments.hosts else None)
    elif command == "logs":
        wanted = {"service": arguments.service, "lines": arguments.lines, "containing": arguments.containing}
        report_all(logs.gather(engine, records.stack, **wanted))
    elif command == "resume":
        resume(records, report)
    elif command == "follow":
        report(json.dumps(follow(arguments.result, arguments.known)))
    elif command in READING:
        report_all(read(arguments, records))
    elif command == "backups":
        return backups.run(arguments)
    elif command in {"updates", "renew", "update"}:
        return renewed(arguments, engine, records)
    else:
        return work(command, engine, records, arguments.options)
    return 0


def read(arguments: argparse.Namespace, records: Records) -> list[str]:
    """Return the lines of a command that only needs the records."""
    if arguments.command == "current":
        return [records.running().file]
    if arguments.command == "find":
        return [records.find(arguments.release).file]
    return records.tidy() if arguments.command == "tidy" else records.images(arguments.releases)


def show_status(engine: Engine, records: Records, hosts: list[dict[str, Any]] | None) -> int:
    """Print the status and return the exit status: 1 if this manager is cut off from the others.

    Args:
        engine: Docker.
        records: the records of releases.
        hosts: the hosts' reports; by default only this host's, which is made now.
    """
    silent = quorum.silent(records)
    if silent:
        report(status.cut_off(records, f"{', '.join(silent)} do not answer"))
        return FAILED
    try:
        run = shared.pull(engine.impatient, records).run
    except TransientError as error:
        report(status.cut_off(records, error.reason))
        return FAILED
    report(status.describe(engine, records, [asdict(host.inspect())] if hosts is None else hosts, run=run))
    return 0


def renewed(arguments: argparse.Namespace, engine: Engine, records: Records) -> int:
    """Ask for security updates, or update the release's packages; return the exit status.

    ``renew`` prints only the file of the new plan: a playbook reads it. Everything else goes to standard error.
    """
    if arguments.command == "updates":
        fresh_packages.look(records)
        report_all(fresh_packages.describe(records))
        return 0
    if arguments.command == "renew":
        report(fresh_packages.renew(engine, records, lambda text: print(text, file=sys.stderr, flush=True)))
        return 0
    return 0 if fresh_packages.update(engine, records, read_options(arguments.options), report) else FAILED


def guard(arguments: argparse.Namespace, engine: Engine, records: Records) -> None:
    """Run the command that ``arguments`` name, for maintenance; it raises an error if work must not go on."""
    if arguments.command == "check":
        preflight.check(engine, arguments.release, arguments.minimum_mb, away=arguments.away)
    elif arguments.command == "busy":
        preflight.check_lock(arguments.release)
    elif arguments.command == "whole":
        whole.wait(engine, records, arguments.seconds)
    elif arguments.command == "stop":
        standstill.stop(engine, records, report)
    else:
        whole.hold(arguments.what, arguments.release, arguments.who)


def work(command: str, engine: Engine, records: Records, path: Path) -> int:
    """Run a command whose options are in the file ``path`` and return the exit status."""
    options = read_options(path)
    if command == "watch":
        return watch(engine, records, options, report)
    if command == "pending":
        return pending(engine, records, options)
    done = (apply if command == "apply" else recover)(engine, records, options, path, report)
    return 0 if done else FAILED


def report_all(lines: list[str]) -> None:
    """Print each line."""
    for line in lines:
        report(line)


def pending(engine: Engine, records: Records, options: dict[str, Any]) -> int:
    """Print the migrations that the plan in ``options`` would run.

    Raises:
        RolloutError: another deploy is at work, or the release could not list them.
    """
    plan, current = records.plan(options["plan"]), records.current
    if current is None:
        report("this is the first release: all of its migrations are pending")
        return 0
    with locked(options, plan["release"]):
        Change(engine, records, options, report).pending(plan, records.plan(current.file))
    return 0


if __name__ == "__main__":
    sys.exit(main())
