"""``landfast COMMAND``, as the playbooks call it on a manager."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from rollout import preflight, stage, status
from rollout.engine import Engine
from rollout.errors import BusyError, RolloutError
from rollout.lock import only_one
from rollout.records import Entry, Records, now
from rollout.roll import Roller
from rollout.smoke import Smoke
from rollout.watch import watch

FAILED, BUSY = 1, 75
UNIT = "landfast-watch"


def tell(text: str) -> None:
    """Print a line at once."""
    print(text, flush=True)


def main() -> int:
    """Run the command that the arguments name and return the exit status."""
    parser = argparse.ArgumentParser(prog="landfast", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command in ("apply", "pending", "watch"):
        commands.add_parser(command).add_argument("options", type=Path, help="a JSON file: see Job")
    commands.add_parser("status")
    checking = commands.add_parser("check")
    checking.add_argument("release", nargs="?", default="")
    checking.add_argument("--minimum-mb", type=int, default=0)
    commands.add_parser("current")
    find = commands.add_parser("find")
    find.add_argument("release", nargs="?", default="")
    arguments = parser.parse_args()
    engine, records = Engine(), Records()
    try:
        return dispatch(arguments, engine, records)
    except RolloutError as error:
        tell(str(error))
        return BUSY if isinstance(error, BusyError) else FAILED


def dispatch(arguments: argparse.Namespace, engine: Engine, records: Records) -> int:
    """Run the command that ``arguments`` name and return the exit status."""
    if arguments.command == "check":
        preflight.check(engine, arguments.release, arguments.minimum_mb)
    elif arguments.command == "status":
        tell(status.describe(engine, records))
    elif arguments.command == "current":
        tell(records.running().file)
    elif arguments.command == "find":
        tell(records.find(arguments.release).file)
    else:
        options = json.loads(arguments.options.read_text(encoding="utf-8"))
        if arguments.command == "watch":
            return watch(engine, records, options, tell)
        if arguments.command == "pending":
            return pending(engine, records, options)
        return apply(engine, records, options, arguments.options)
    return 0


def pending(engine: Engine, records: Records, options: dict[str, Any]) -> int:
    """Tell which migrations the plan that ``options`` name would run.

    Raises:
        RolloutError: another deploy is at work, or the release could not say.
    """
    plan, current = records.plan(options["plan"]), records.current
    if current is None:
        tell("this is the first release: all of its migrations are pending")
        return 0
    with only_one(options["what"], plan["release"], options["who"], since=now(), patience=3600):
        Roll(engine, records, options, tell).pending(plan, records.plan(current.file))
    return 0


def apply(engine: Engine, records: Records, options: dict[str, Any], path: Path) -> int:
    """Bring the plan that ``options`` names about, or the one before back; write what came of it beside the options.

    Args:
        engine: Docker.
        records: what is remembered.
        options: ``what`` (deploy, rollback ...), ``plan`` (its file), ``who``, ``secrets`` (their names now),
            ``replicas``, ``jobs``, ``smoke``, ``watch`` (seconds).
        path: the options' file.
    """
    began, plan = time.monotonic(), records.plan(options["plan"])
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        tell(text)

    error: RolloutError | None = None
    try:
        with only_one(options["what"], plan["release"], options["who"], since=now(), patience=3600):
            subprocess.run(["systemctl", "stop", UNIT], check=False, capture_output=True)
            Roll(engine, records, options, say).apply(plan)
            line = records.log(
                what=options["what"], release=plan["release"], who=options["who"], outcome="done",
                seconds=time.monotonic() - began,
            )  # fmt: skip
            start_watch(path)
    except RolloutError as caught:
        error = caught
        line = records.log(
            what=options["what"], release=plan["release"], who=options["who"], outcome=f"FAILED ({caught.reason})",
            seconds=time.monotonic() - began,
        )  # fmt: skip
    result = {
        "ok": error is None,
        "busy": isinstance(error, BusyError),
        "reason": error.reason if error else "",
        "lines": list(error.lines) if error else [],
        "said": said,
        "record": line,
    }
    path.with_suffix(".result").write_text(json.dumps(result), encoding="utf-8")
    return FAILED if error else 0


def start_watch(options: Path) -> None:
    """Watch the release from a unit of its own, so that nobody has to wait for it."""
    command = ["systemd-run", "--quiet", "--collect", f"--unit={UNIT}", "landfast", "watch", str(options)]
    subprocess.run(command, check=False, capture_output=True)


class Roll:
    """One change of the Swarm, with the way back.

    Args:
        engine: Docker.
        records: what is remembered.
        options: as :func:`apply` has them.
        say: says what is going on.
    """

    def __init__(self, engine: Engine, records: Records, options: dict[str, Any], say: Any) -> None:  # noqa: ANN401
        """Get ready."""
        self.engine, self.records, self.options, self.say = engine, records, options, say
        timeout = float(options.get("step_timeout", 300))
        self.roller = Roller(engine, say, timeout, float(options.get("job_timeout", 3600)))
        self.smoke = Smoke.parse(options["smoke"])

    def apply(self, plan: dict[str, Any]) -> None:
        """Roll to ``plan``; back again if that fails.

        Raises:
            RolloutError: it failed; what ran before runs again.
        """
        if self.options.get("force"):
            self.roller.restart(plan, self.options["force"])
            self.roller.smoke(self.smoke)
            return
        current = self.records.current
        old = self.records.plan(current.file) if current else None
        self.roller.forget_secrets(plan["name"], self.options["secrets"].values())
        new = self.now(plan)
        try:
            running = self.roller.roll(new, jobs=self.options.get("jobs", True))
            self.roller.smoke(self.smoke)
        except RolloutError as error:
            self.say(str(error))
            if old is None:
                raise RolloutError(
                    f"{error.reason}; nothing ran before, so this stays as it is", error.lines
                ) from error
            self.back(old, error)
            raise RolloutError(f"{error.reason}; {old['release']} serves on", error.lines) from error
        self.records.save(self.options["plan"], running)
        self.records.succeed(Entry(plan["release"], self.options["plan"], self.options["who"], now()))

    def pending(self, plan: dict[str, Any], old: dict[str, Any]) -> None:
        """Tell which migrations ``plan`` would run where ``old`` runs.

        Raises:
            RolloutError: a job could not say.
        """
        self.roller.pending(self.now(plan), old)

    def now(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Return ``plan`` with the secrets and numbers of today."""
        names = self.options["secrets"]
        stack = stage.with_replicas(stage.with_secrets(plan["stack"], names), self.options.get("replicas", {}))
        return {**plan, "stack": stack, "jobs": {k: stage.with_secrets(v, names) for k, v in plan["jobs"].items()}}

    def back(self, old: dict[str, Any], error: RolloutError) -> None:
        """Bring back what ran before.

        Raises:
            RolloutError: not even that works.
        """
        self.say(f"rolling back to {old['release']}")
        try:
            self.roller.back(old)
        except RolloutError as second:
            raise RolloutError(
                f"{error.reason}; and {old['release']} did not come back: {second.reason}",
                (*error.lines, *second.lines),
            ) from second


if __name__ == "__main__":
    sys.exit(main())
