"""Jobs: migrations, which run once in a stack of their own, and the questions what they would do."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rollout import judge, stage
from rollout.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from rollout.engine import Engine

INTERVAL = 0.5
#: Seconds that a job may take: a migration of a large table.
JOB_TIMEOUT = 3600.0
#: Seconds until a stack that was removed is gone.
REMOVE_TIMEOUT = 300.0
#: Lines of a job that are read, and of one that failed that are told.
READ_LINES, TOLD_LINES = 200, 20
#: What a job's answer to what is pending begins with.
PENDING = "pending: "


@dataclass(frozen=True)
class Jobs:
    """Runs jobs.

    Args:
        engine: Docker.
        tell: says what is going on.
        timeout: seconds that a job may take.
        remove_timeout: seconds until a job's stack that was removed is gone.
    """

    engine: Engine
    tell: Callable[[str], None]
    timeout: float = JOB_TIMEOUT
    remove_timeout: float = REMOVE_TIMEOUT

    def run(self, name: str, jobs: Mapping[str, Mapping[str, Any]]) -> None:
        """Run ``jobs`` at the same time and wait for all.

        Args:
            name: the stack's that they belong to.
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
        """Run one job and tell how long it took.

        Raises:
            RolloutError: it failed, or did not end in time.
        """
        began = time.monotonic()
        self.output(stack, job, file)
        self.tell(f"{job}: done after {time.monotonic() - began:.0f} s")

    def pending(self, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        """Tell which migrations ``new`` would run.

        Args:
            new: the plan to come.
            old: the plan that runs. What a job of the same image had to do, it has done.

        Raises:
            RolloutError: a job could not tell: it cannot reach the database, or is older than it.
        """
        images = {job: file["services"][job]["image"] for job, file in old["jobs"].items()}

        def answer(job: str) -> str:
            service = new["jobs"][job]["services"][job]
            if job in images and stage.digest(images[job]) == stage.digest(service["image"]):
                return "none, its image is the one that runs"
            file = {**new["jobs"][job], "services": {job: {**service, "command": new["pending"][job]}}}
            said = self.output(question_stack(new["name"], job), f"{job}: asking what is pending", file)
            found = [line.removeprefix(PENDING) for line in said if line.startswith(PENDING)]
            return ", ".join(found) or "unknown, its log cannot be read"

        with ThreadPoolExecutor(max_workers=max(1, len(new["pending"]))) as pool:
            for job, said in zip(new["pending"], pool.map(answer, new["pending"]), strict=True):
                self.tell(f"{job}: pending: {said}")

    def output(self, stack: str, label: str, file: Mapping[str, Any]) -> tuple[str, ...]:
        """Run one job as a stack of its own that goes when it has ended; return its last lines.

        Args:
            stack: the name of its stack.
            label: what errors call it.
            file: its stack file, which has one service.

        Raises:
            RolloutError: it failed, or did not end in time.
        """
        (service,) = file["services"]
        if service in self.engine.services(stack):  # an interrupted deploy's: a migration is never cut off
            self.end(stack, service)
            self.remove(stack)
        self.wait_until_gone(stack)
        self.engine.deploy(stack, file)
        task = self.end(stack, service)
        lines = self.engine.logs(task["ID"], READ_LINES)
        self.remove(stack)
        if task["Status"]["State"] != "complete":
            why = task["Status"].get("Err", "") or task["Status"]["State"]
            raise RolloutError(f"{label} failed: {why}", lines[-TOLD_LINES:])
        return lines

    def end(self, stack: str, service: str) -> judge.Task:
        """Wait for the end of a job and return its task: that of the service that is there now.

        Tasks of an earlier service of the same name stay with Swarm for a while, with an end of their own.

        Raises:
            RolloutError: it did not come in time, or somebody removed the job.
        """
        deadline = time.monotonic() + self.timeout
        while True:
            entry = self.engine.services(stack).get(service)
            if entry is None:
                raise RolloutError(f"{stack} was removed before it ended")
            tasks = self.engine.tasks(stack).get(entry["ID"], [])
            ended = next((task for task in tasks if judge.run_ended(task, entry)), None)
            if ended:
                return ended
            if time.monotonic() > deadline:
                says = tasks[0]["Status"] if tasks else {}
                raise RolloutError(f"{stack} did not end within {self.timeout:.0f} s: {says.get('Message', says)}")
            time.sleep(INTERVAL)

    def remove(self, stack: str) -> None:
        """Remove a job's stack and wait until it is gone.

        Raises:
            RolloutError: it does not go.
        """
        self.engine.run("stack", "rm", "--detach=false", stack)
        self.wait_until_gone(stack)

    def wait_until_gone(self, stack: str) -> None:
        """Wait until a job's stack has neither a service nor a container at work: no two migrations run at once.

        Raises:
            RolloutError: it does not go.
        """
        deadline = time.monotonic() + self.remove_timeout
        while self.engine.services(stack) or self.at_work(stack):
            if time.monotonic() > deadline:
                raise RolloutError(
                    f"{stack} is still there after {self.remove_timeout:.0f} s",
                    (f"docker stack ps {stack} on a manager shows it, docker stack rm {stack} removes it",),
                )
            time.sleep(INTERVAL)

    def clean(self, plan: Mapping[str, Any]) -> None:
        """Remove what a roll that failed left of jobs. A migration that still runs is not cut off.

        Args:
            plan: the roll's.

        Raises:
            RolloutError: a stack does not go.
        """
        for stack in job_stacks(plan):
            if self.at_work(stack):
                self.tell(f"{stack} still runs; the next deploy waits for its end")
            elif self.engine.services(stack):
                self.remove(stack)

    def at_work(self, stack: str) -> bool:
        """Return whether a container of a job's stack has not ended."""
        tasks = [task for several in self.engine.tasks(stack).values() for task in several]
        return any(task["Status"]["State"] not in judge.ENDED for task in tasks)


def job_stack(name: str, job: str) -> str:
    """Return the stack that runs ``job`` of the stack ``name``."""
    return f"{name}-{job}"


def question_stack(name: str, job: str) -> str:
    """Return the stack that says what is pending for ``job`` of the stack ``name``."""
    return f"{name}-pending-{job}"


def job_stacks(plan: Mapping[str, Any]) -> Iterable[str]:
    """Return the names of all stacks that jobs of ``plan`` may have."""
    return [form(plan["name"], job) for job in plan["jobs"] for form in (job_stack, question_stack)]
