"""Jobs in a separate stack: migrations, lists of pending migrations, and checks of new configurations."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rollout import convergence, stage
from rollout.errors import RolloutError
from rollout.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from rollout.engine import Engine

INTERVAL = 0.5
#: Seconds that a job may take: a migration of a large table.
JOB_TIMEOUT = 3600.0
#: Seconds within which a removed stack must be gone.
REMOVE_TIMEOUT = 300.0
#: Log lines of a job that are read, and log lines of a failed job that are reported.
READ_LINES, REPORTED_LINES = 200, 20
#: The prefix of a job's line with pending migrations.
PENDING = "pending: "
#: The key of a plan with the id of the node that kept the data when the plan was rolled out.
DATA_NODE = "data_node"


@dataclass(frozen=True)
class Jobs:
    """Runs jobs.

    Args:
        engine: Docker.
        report: reports progress.
        timeout: seconds that a job may take.
        remove_timeout: seconds within which a job's removed stack must be gone.
    """

    engine: Engine
    report: Callable[[str], None]
    timeout: float = JOB_TIMEOUT
    remove_timeout: float = REMOVE_TIMEOUT

    def run(self, name: str, jobs: Mapping[str, Mapping[str, Any]]) -> None:
        """Run ``jobs`` at the same time and wait for all.

        Args:
            name: the name of their stack.
            jobs: job -> its stack file.

        Raises:
            RolloutError: one failed.
        """
        if not jobs:
            return
        with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
            for done in [pool.submit(self.run_one, job_stack(name, job), job, file) for job, file in jobs.items()]:
                done.result()

    def run_one(self, stack: str, job: str, file: Mapping[str, Any]) -> None:
        """Run one job and report how long it took.

        Raises:
            RolloutError: the job failed, or did not end in time.
        """
        began = time.monotonic()
        self.output(stack, job, file)
        self.report(f"{job}: done after {time.monotonic() - began:.0f} s")

    def pending(self, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        """Report the migrations that ``new`` would run.

        Args:
            new: the new plan.
            old: the running plan. A job of the same image has done its work already, unless the data are elsewhere now.

        Raises:
            RolloutError: a job could not list them: it cannot reach the database, or is older than the database.
        """
        images = {job: file["services"][job]["image"] for job, file in old["jobs"].items()}
        replaced = old.get(DATA_NODE) not in {None, data_node(self.engine.nodes())}

        def answer(job: str) -> str:
            if replaced:
                return "all, because the host with the data is another one than at the last deploy"
            service = new["jobs"][job]["services"][job]
            if job in images and stage.digest(images[job]) == stage.digest(service["image"]):
                return "none, the same image runs already"
            file = {**new["jobs"][job], "services": {job: {**service, "command": new["pending"][job]}}}
            lines = self.output(pending_stack(new["name"], job), f"{job}: the list of pending migrations", file)
            found = [line.removeprefix(PENDING) for line in lines if line.startswith(PENDING)]
            return ", ".join(found) or "unknown, its log cannot be read"

        with ThreadPoolExecutor(max_workers=max(1, len(new["pending"]))) as pool:
            for job, found in zip(new["pending"], pool.map(answer, new["pending"]), strict=True):
                self.report(f"{job}: pending: {found}")

    def try_out(self, name: str, trials: Mapping[str, Mapping[str, Any]], running: Mapping[str, Any]) -> None:
        """Check the new configuration of services, each in a container of its own, before anything changes.

        Args:
            name: the name of their stack.
            trials: service -> the stack file of the job that checks its configuration.
            running: the running services. One with the same image and the same secrets has proved its configuration.

        Raises:
            RolloutError: a configuration is invalid; the lines have the reason.
        """
        for service, file in trials.items():
            if stage.is_same(file["services"][service], file["secrets"], running.get(service)):
                continue
            self.output(trial_stack(name, service), f"{service}: the check of its new configuration", file)
            self.report(f"{service}: its new configuration is valid")

    def output(self, stack: str, label: str, file: Mapping[str, Any]) -> tuple[str, ...]:
        """Run one job as a separate stack, which is removed at its end; return its last lines.

        Args:
            stack: the name of its stack.
            label: its name in errors.
            file: its stack file, which has one service.

        Raises:
            RolloutError: the job failed, or did not end in time.
        """
        (service,) = file["services"]
        if service in self.engine.services(stack):  # of an interrupted deploy: a migration is never aborted
            self.end(stack, service)
            self.remove(stack)
        self.wait_until_gone(stack)
        self.engine.deploy(stack, file)
        task = self.end(stack, service)
        lines = self.engine.logs(task["ID"], READ_LINES)
        self.remove(stack)
        if task["Status"]["State"] != "complete":
            why = task["Status"].get("Err", "") or task["Status"]["State"]
            raise RolloutError(f"{label} failed: {why}", lines[-REPORTED_LINES:])
        return lines

    def end(self, stack: str, service: str) -> convergence.Task:
        """Wait for the end of a job and return the task of its current service.

        Swarm keeps ended tasks of an earlier service of the same name for a while.

        Raises:
            RolloutError: the job did not end in time, or somebody removed it.
        """
        deadline, progress = time.monotonic() + self.timeout, Progress(self.report)
        while True:
            entry = self.engine.services(stack).get(service)
            if entry is None:
                raise RolloutError(f"{stack} was removed before it ended")
            tasks = self.engine.tasks(stack).get(entry["ID"], [])
            ended = next((task for task in tasks if convergence.run_ended(task, entry)), None)
            if ended:
                return ended
            if time.monotonic() > deadline:
                status = tasks[0]["Status"] if tasks else {}
                raise RolloutError(f"{stack} did not end within {self.timeout:.0f} s: {status.get('Message', status)}")
            progress.tell(f"{stack}: still at work")
            time.sleep(INTERVAL)

    def remove(self, stack: str) -> None:
        """Remove a job's stack and wait until it is gone.

        Raises:
            RolloutError: the stack does not vanish in time.
        """
        self.engine.run("stack", "rm", "--detach=false", stack)
        self.wait_until_gone(stack)

    def wait_until_gone(self, stack: str) -> None:
        """Wait until a job's stack has neither services nor running containers: no two migrations run at once.

        Raises:
            RolloutError: the stack does not vanish in time.
        """
        deadline, progress = time.monotonic() + self.remove_timeout, Progress(self.report)
        while self.engine.services(stack) or self.at_work(stack):
            if time.monotonic() > deadline:
                raise RolloutError(
                    f"{stack} is still there after {self.remove_timeout:.0f} s",
                    (f"docker stack ps {stack} on a manager shows it, docker stack rm {stack} removes it",),
                )
            progress.tell(f"{stack}: not gone yet")
            time.sleep(INTERVAL)

    def clean(self, plan: Mapping[str, Any]) -> None:
        """Remove the jobs' stacks that a failed rollout left behind. A running migration is not aborted.

        Args:
            plan: the plan of the rollout.

        Raises:
            RolloutError: a stack does not vanish in time.
        """
        for stack in job_stacks(plan):
            if self.at_work(stack):
                self.report(f"{stack} still runs; the next deploy waits for its end")
            elif self.engine.services(stack):
                self.remove(stack)

    def at_work(self, stack: str) -> bool:
        """Return whether a container of a job's stack has not ended."""
        tasks = [task for several in self.engine.tasks(stack).values() for task in several]
        return any(task["Status"]["State"] not in convergence.ENDED for task in tasks)


def data_node(nodes: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the id of the node that keeps the data; None if there is none.

    A new machine has another id, also under the name of the one that was lost.
    """
    return next(
        (node["ID"] for node in nodes if (node["Spec"].get("Labels") or {}).get("landfast.state") == "true"), None
    )


def job_stack(name: str, job: str) -> str:
    """Return the stack that runs ``job`` of the stack ``name``."""
    return f"{name}-{job}"


def pending_stack(name: str, job: str) -> str:
    """Return the stack that lists the pending migrations of ``job`` of the stack ``name``."""
    return f"{name}-pending-{job}"


def trial_stack(name: str, service: str) -> str:
    """Return the stack that checks the configuration of ``service`` of the stack ``name``."""
    return f"{name}-trial-{service}"


def job_stacks(plan: Mapping[str, Any]) -> Iterable[str]:
    """Return the names of all stacks that jobs of ``plan`` may have."""
    jobs = [form(plan["name"], job) for job in plan["jobs"] for form in (job_stack, pending_stack)]
    return [*jobs, *(trial_stack(plan["name"], service) for service in plan.get("trials", {}))]
