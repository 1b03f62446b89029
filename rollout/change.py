"""One change of the running release, from its lock to its record. Every early end leads to a rollback."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from rollout import shared, stage
from rollout.deployer import Deployer
from rollout.errors import RolloutError, explained
from rollout.lock import only_one
from rollout.records import Entry, Records, is_older, now
from rollout.result import KILLED, Result
from rollout.smoke import Smoke

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator
    from pathlib import Path

    from rollout.engine import Engine

WATCH_UNIT = "landfast-watch"
#: Seconds to wait for a running change of the same release, whose playbook was interrupted.
PATIENCE = 3600

Options = dict[str, Any]


class Change:
    """One change of the Swarm, with its rollback.

    Args:
        engine: Docker.
        records: the records of releases.
        options: the options; see :func:`apply`.
        report: reports progress.
    """

    def __init__(self, engine: Engine, records: Records, options: Options, report: Callable[[str], None]) -> None:
        """Keep the arguments."""
        self.engine, self.records, self.options, self.report = engine, records, options, report
        timeout = float(options.get("step_timeout", 300))
        self.deployer = Deployer(engine, report, timeout, float(options.get("job_timeout", 3600)))

    def apply(self, plan: dict[str, Any]) -> None:
        """Roll out ``plan``; roll back if that fails for any reason.

        Raises:
            RolloutError: the change failed; the previous release runs again.
        """
        if self.options.get("force"):
            self.deployer.restart(plan, self.options["force"])
            self.deployer.smoke(Smoke.parse(self.options["smoke"], plan))
            return
        current = self.records.current
        old = self.records.plan(current.file) if current else None
        new = self.now(plan)
        self.deployer.forget_secrets(plan["name"], {*self.options["secrets"].values(), *self.records.secrets()})
        try:
            running = self.deployer.deploy(new, jobs=self.options.get("jobs", True), back=self.is_back)
            self.deployer.smoke(Smoke.parse(self.options["smoke"], plan))
            # A release is complete once it is recorded: a rollback would not find it otherwise.
            self.records.save(self.options["plan"], running)
            self.records.succeed(Entry(plan["release"], self.options["plan"], self.options["who"], now()))
        except Exception as error:  # noqa: BLE001 - a full disk, a bug, a signal: each must lead to the rollback
            self.undo(plan, old, explained(error), self.deployer.begun)

    @property
    def is_back(self) -> bool:
        """Whether the plan in the options is older than the running one."""
        current = self.records.current
        return bool(current and is_older(self.options["plan"], current.file))

    def undo(
        self,
        plan: dict[str, Any],
        old: dict[str, Any] | None,
        error: RolloutError,
        begun: Collection[str] | None = None,
    ) -> None:
        """Restore the previous release, and raise the error to report.

        Args:
            plan: the plan that failed.
            old: the previous plan; None if there was none.
            error: the reason of the failure.
            begun: the services that may have changed; None if all may.

        Raises:
            RolloutError: always: ``error`` with the result of the rollback.
        """
        self.report(str(error))
        try:
            self.deployer.jobs.clean(plan)
        except RolloutError as second:  # the rollback of the services matters more
            self.report(str(second))
        if old is None:
            raise RolloutError(f"{error.reason}; nothing ran before, so this stays as it is", error.lines) from error
        self.report(f"rolling back to {old['release']}")
        try:
            self.deployer.rollback(old, back=not self.is_back, begun=begun)
        except Exception as second:
            found = explained(second)
            raise RolloutError(
                f"{error.reason}; and {old['release']} did not come back: {found.reason}", (*error.lines, *found.lines)
            ) from second
        raise RolloutError(f"{error.reason}; {old['release']} still serves", error.lines) from error

    def pending(self, plan: dict[str, Any], old: dict[str, Any]) -> None:
        """Report the migrations that ``plan`` would run, compared with the running ``old``.

        Raises:
            RolloutError: a job could not list them.
        """
        self.deployer.pending(self.now(plan), old)

    def now(self, plan: dict[str, Any]) -> dict[str, Any]:
        """Return ``plan`` with the current secrets and numbers of containers."""
        names = self.options["secrets"]
        stack = stage.with_replicas(stage.with_secrets(plan["stack"], names), self.options.get("replicas", {}))
        # A plan of an older release has no trials.
        parts = {
            part: {name: stage.with_secrets(file, names) for name, file in plan.get(part, {}).items()}
            for part in ("jobs", "trials")
        }
        return {**plan, "stack": stack, **parts}


def apply(engine: Engine, records: Records, options: Options, path: Path, report: Callable[[str], None]) -> bool:
    """Roll out the plan in ``options``, or restore the previous one; write the result next to the options.

    Args:
        engine: Docker.
        records: the records of releases.
        options: ``what`` (deploy, rollback ...), ``plan`` (its file), ``who``, ``secrets`` (their current names),
            ``replicas``, ``jobs``, ``smoke``, ``watch`` (seconds).
        path: the options' file.
        report: reports progress.

    Returns:
        Whether it succeeded.
    """

    def work(log: Callable[[str], None]) -> None:
        plan = records.plan(options["plan"])
        with locked(options, plan["release"]), begun(engine, records, options, plan["release"], path):
            check_unchanged(options, plan, records)
            subprocess.run(["systemctl", "stop", WATCH_UNIT], check=False, capture_output=True)
            Change(engine, records, options, log).apply(plan)
            start_watch(path)

    result = Result(path.with_suffix(".result"))
    result.reserve()
    return finish(engine, records, options, result, work, report)


def check_unchanged(options: Options, plan: dict[str, Any], records: Records) -> None:
    """Make sure that an update of packages still has the code of the running release.

    Raises:
        RolloutError: another release was deployed while the update was built.
    """
    if options["what"] == "update" and plan.get("over") != records.running().file:
        raise RolloutError(f"{records.running().release} was deployed while the update was built; update again")


def recover(
    engine: Engine,
    records: Records,
    options: Options,
    path: Path,
    report: Callable[[str], None],
    reason: str = KILLED,
) -> bool:
    """Restore the current release of the records if the program with ``options`` was killed.

    systemd calls this after every end of the program, and after a restart of the host (rollout/resume.py).

    Args:
        engine: Docker.
        records: the records of releases.
        options: the options of the killed program.
        path: the options' file.
        report: reports progress.
        reason: why it was killed.

    Returns:
        Whether there was nothing to do.
    """

    def work(log: Callable[[str], None]) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a shutdown waits for the rollback
        plan = records.plan(options["plan"])
        with locked(options, plan["release"]), begun(engine, records, options, plan["release"], path):
            current = records.current
            old = records.plan(current.file) if current else None
            Change(engine, records, options, log).undo(plan, old, RolloutError(reason))

    result = Result(path.with_suffix(".result"))
    if not result.path.exists() or result.ended:
        return True
    return finish(engine, records, options, result, work, report)


def finish(
    engine: Engine,
    records: Records,
    options: Options,
    result: Result,
    work: Callable[[Callable[[str], None]], None],
    report: Callable[[str], None],
) -> bool:
    """Do ``work``, then write a record and the result, also after a failure, and tell the other managers.

    Returns:
        Whether it succeeded.
    """
    began = time.monotonic()
    progress: list[str] = []
    error: RolloutError | None = None

    def log(text: str) -> None:
        progress.append(text)
        report(text)
        result.note(progress)

    try:
        with ended_by_signal():
            work(log)
    except Exception as caught:  # noqa: BLE001 - a playbook waits for the result of every error
        error = explained(caught)
    try:
        record = records.log(
            what=options["what"], release=release_of(records, options), who=options["who"],
            outcome=f"FAILED ({error.reason})" if error else "done", seconds=time.monotonic() - began,
        )  # fmt: skip
    except OSError as caught:
        record = f"{records.folder / 'log'} could not be written: {caught.strerror}"
    shared.share(engine, records, report)
    result.write(error, progress, record)
    with suppress(OSError):
        records.tidy()
    return error is None


def release_of(records: Records, options: Options) -> str:
    """Return the release of the plan in ``options``."""
    with suppress(RolloutError, KeyError):
        return str(records.plan(options["plan"])["release"])
    return "?"


def begun(engine: Engine, records: Records, options: Options, release: str, path: Path) -> Any:  # noqa: ANN401 - as below
    """Return the entry in the shared records that names this change while it is at work."""
    return shared.begun(engine, records, path.stem, options["what"], release, options["who"])


def locked(options: Options, release: str) -> Any:  # noqa: ANN401 - a context manager
    """Return the lock on the cluster, with the description from ``options``."""
    return only_one(options["what"], release, options["who"], since=now(), patience=PATIENCE)


@contextmanager
def ended_by_signal() -> Iterator[None]:
    """Turn the first SIGTERM (a shutdown, ``systemctl stop``) into an error, so that a rollback follows it."""

    def stop(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise RolloutError("the rollout program had to stop (SIGTERM)")

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def start_watch(options: Path) -> None:
    """Watch the release with this program in a separate unit, so that the playbook need not wait."""
    command = ["systemd-run", "--quiet", "--collect", f"--unit={WATCH_UNIT}"]
    program = [sys.executable, "-B", sys.argv[0], "watch", str(options)]
    subprocess.run([*command, *program], check=False, capture_output=True)


def read_options(path: Path) -> Options:
    """Return the options that the playbook wrote into ``path``.

    Raises:
        RolloutError: the file cannot be read.
    """
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        raise RolloutError(f"{path} cannot be read: {error}") from error
