"""Bringing a Swarm from one release to another, step by step, and back if a step fails."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rollout import judge, smoke, stage
from rollout.engine import NAMESPACE, Engine
from rollout.errors import RolloutError
from rollout.jobs import JOB_TIMEOUT, Jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

INTERVAL = 0.5
#: Seconds that one step may take until all of its containers are healthy.
STEP_TIMEOUT = 300.0
LINES = 20
#: In place of services: all that have no data.
EVERYTHING = "all"
#: What the role `release` labels secrets with.
LABELLED = "landfast.secret"


@dataclass(frozen=True)
class Roller:
    """Rolls releases out.

    Args:
        engine: Docker.
        tell: says what is going on.
        step_timeout: seconds that one step may take.
        job_timeout: seconds that a job may take.
    """

    engine: Engine
    tell: Callable[[str], None]
    step_timeout: float = STEP_TIMEOUT
    job_timeout: float = JOB_TIMEOUT

    @property
    def jobs(self) -> Jobs:
        """What runs jobs."""
        return Jobs(self.engine, self.tell, self.job_timeout, self.step_timeout)

    def roll(self, new: Mapping[str, Any], *, jobs: bool = True) -> dict[str, Any]:
        """Bring the Swarm to ``new``, and return the plan as it runs.

        Args:
            new: the plan to come.
            jobs: whether to run the jobs (migrations); not on the way back to an earlier release.

        Raises:
            RolloutError: a job failed, or containers never became healthy.
        """
        name, running = new["name"], self.engine.services(new["name"])
        began = judge.Before.of(running, self.engine.tasks(name))
        images = {key: entry["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] for key, entry in running.items()}
        stack = stage.keep_unchanged_images(new["stack"], images)
        self.make_networks(name, stack)
        for group in new["order"]:
            if jobs:
                self.jobs.run(name, {job: new["jobs"][job] for job in group if job in new["jobs"]})
            services = [service for service in group if service in stack["services"]]
            if services:
                self.step(name, stage.stage(stack, services), services)
        self.look_back(name, began)
        self.remove_others(name, stack["services"])
        return {**new, "stack": stack}

    def forget_secrets(self, name: str, current: Collection[str]) -> None:
        """Remove versions of secrets that neither a service nor its way back uses, nor a deploy to come.

        Args:
            name: the stack's.
            current: the names of today's.
        """
        used = set(current)
        for service in self.engine.services(name).values():
            for spec in (service["Spec"], service.get("PreviousSpec", {})):
                entries = spec.get("TaskTemplate", {}).get("ContainerSpec", {}).get("Secrets", [])
                used |= {entry["SecretName"] for entry in entries}
        present = {entry["Spec"]["Name"] for entry in self.engine.get("/secrets", label=LABELLED)}
        for gone in sorted(present - used):
            if gone.startswith(f"{name}_"):
                self.engine.run("secret", "rm", gone)

    def look_back(self, name: str, before: judge.Before) -> None:
        """Make sure that nothing of earlier steps was taken back while later ones were rolled.

        Raises:
            RolloutError: Swarm has taken a service back since.
        """
        tasks = self.engine.tasks(name)
        for service, entry in self.engine.services(name).items():
            own = tasks.get(entry["ID"], [])
            reason = judge.failure(entry, own, before)
            if reason:
                raise self.failed(service, reason, own, before)

    def back(self, old: Mapping[str, Any]) -> None:
        """Bring back what ran before, group after group: all at once, containers would hinder each other's start.

        Raises:
            RolloutError: some of it did not come back in time; the rest did.
        """
        name, problems = old["name"], []
        for group in old["order"]:
            services = [service for service in group if service in old["stack"]["services"]]
            if services:
                self.engine.deploy(name, stage.stage(old["stack"], services))
                try:
                    self.wait(name, services, None)
                except RolloutError as error:
                    problems.append(error)
        self.remove_others(name, old["stack"]["services"])
        if problems:
            raise problems[0]

    def remove_others(self, name: str, services: Collection[str]) -> None:
        """Remove the stack's services that are none of ``services``."""
        for gone in sorted(set(self.engine.services(name)) - set(services)):
            self.engine.run("service", "rm", f"{name}_{gone}")

    def restart(self, plan: Mapping[str, Any], services: Collection[str]) -> None:
        """Start containers anew though nothing has changed, in the order and manner of a deploy.

        Args:
            plan: the plan that runs.
            services: which; ``all`` stands for all but those with data, which are the first group.

        Raises:
            RolloutError: a service is unknown, or did not come back.
        """
        name, known = plan["name"], plan["stack"]["services"]
        if list(services) == [EVERYTHING]:
            services = set(known) - set(plan["order"][0])
        unknown = sorted(set(services) - set(known))
        if unknown:
            raise RolloutError(f"there is no service {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        for group in plan["order"]:
            chosen = [service for service in group if service in services]
            before = judge.Before.of(self.engine.services(name), self.engine.tasks(name))
            for service in chosen:
                self.engine.run("service", "update", "--force", "--detach", "--quiet", f"{name}_{service}")
            self.wait(name, chosen, before)

    def pending(self, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        """Tell which migrations ``new`` would run. Nothing that serves is touched.

        Args:
            new: the plan to come.
            old: the plan that runs.

        Raises:
            RolloutError: a job could not tell: it cannot reach the database, or is older than it.
        """
        self.make_networks(new["name"], new["stack"])
        self.jobs.pending(new, old)

    def make_networks(self, name: str, stack: Mapping[str, Any]) -> None:
        """Make the stack's networks: a job may be the first that needs one."""
        present = {entry["Name"] for entry in self.engine.get("/networks", driver="overlay")}
        for key, entry in stack["networks"].items():
            if f"{name}_{key}" in present:
                continue
            options = [f"--opt={option}={value}" for option, value in entry.get("driver_opts", {}).items()]
            options += ["--internal"] if entry.get("internal") else []
            label = f"--label={NAMESPACE}={name}"
            self.engine.run("network", "create", "--driver=overlay", label, *options, f"{name}_{key}")

    def step(self, name: str, file: Mapping[str, Any], services: Collection[str]) -> None:
        """Have Swarm run ``file`` and wait until ``services`` are settled.

        Raises:
            RolloutError: one of them failed, or did not settle in time.
        """
        before = judge.Before.of(self.engine.services(name), self.engine.tasks(name))
        self.engine.deploy(name, file)
        began = time.monotonic()
        self.wait(name, services, before)
        self.tell(f"{', '.join(sorted(services))}: healthy after {time.monotonic() - began:.0f} s")

    def wait(self, name: str, services: Collection[str], before: judge.Before | None) -> None:
        """Wait until ``services`` are settled.

        Args:
            name: the stack's.
            services: which.
            before: what was before the step; None on the way back, where Swarm may be going the same way by itself.

        Raises:
            RolloutError: one of them failed, or did not settle in time.
        """
        deadline = time.monotonic() + self.step_timeout
        cleared: set[str] = set()
        while True:
            present, tasks = self.engine.services(name), self.engine.tasks(name)
            waiting = []
            for service in services:
                entry = present.get(service)
                if entry is None:
                    raise RolloutError(f"{service}: somebody has removed it from Swarm")
                own = tasks.get(entry["ID"], [])
                reason = judge.failure(entry, own, before) if before else ""
                if reason and before:
                    raise self.failed(service, reason, own, before)
                if not judge.settled(entry, own):
                    waiting.append((service, own))
                if service not in cleared and judge.doubled(entry, own):
                    self.tell(f"{service}: two containers in one place; rolled once more")
                    self.engine.run("service", "update", "--force", "--detach", "--quiet", f"{name}_{service}")
                    cleared.add(service)
            if not waiting:
                return
            if time.monotonic() > deadline:
                service, own = waiting[0]
                raise self.failed(
                    service, f"not healthy within {self.step_timeout:.0f} s", own, before or judge.Before()
                )
            time.sleep(INTERVAL)

    def failed(self, service: str, reason: str, tasks: Sequence[judge.Task], before: judge.Before) -> RolloutError:
        """Return the error for a service, with the lines of the container that tells most."""
        task = judge.telling(tasks, before)
        return RolloutError(f"{service}: {reason}", self.engine.logs(task["ID"], LINES) if task else ())

    def smoke(self, wanted: smoke.Smoke) -> None:
        """Ask the site through every node that serves it.

        Raises:
            RolloutError: an answer was wrong.
        """
        addresses = serving(self.engine.nodes())
        smoke.insist(wanted, addresses)
        self.tell(f"smoke test: {len(wanted.checks)} answers of {len(addresses)} hosts are right")


def serving(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the addresses of the nodes that containers run on."""
    found = []
    for node in nodes:
        if node["Status"]["State"] == "ready" and node["Spec"]["Availability"] == "active":
            address = node["Status"].get("Addr", "")
            if address in {"", "0.0.0.0", "127.0.0.1"}:  # noqa: S104 - what a manager may say of itself
                address = node.get("ManagerStatus", {}).get("Addr", "").rpartition(":")[0]
            found.append(address)
    return found
