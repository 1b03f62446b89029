"""Deploys a release on a Swarm, group after group, and restores the previous one."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rollout import convergence, smoke, spread, stage
from rollout.engine import NAMESPACE, Engine
from rollout.errors import RolloutError
from rollout.jobs import DATA_NODE, JOB_TIMEOUT, Jobs, data_node
from rollout.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

INTERVAL = 0.5
#: Seconds that one step may take until all of its containers are healthy.
STEP_TIMEOUT = 300.0
LINES = 20
#: The word that stands for all services without data.
EVERYTHING = "all"
#: The word that stands for the services whose replicas are not spread over the hosts, and how often they are restarted:
#: Swarm chooses a host while the old container still runs, so that once may not be enough.
UNEVEN, ROUNDS = "uneven", 3
#: The label that the role `release` gives to secrets.
LABELLED = "landfast.secret"


@dataclass(frozen=True)
class Deployer:
    """Deploys releases.

    Args:
        engine: Docker.
        report: reports progress.
        step_timeout: seconds that one step may take.
        job_timeout: seconds that a job may take.
        begun: the services whose step has begun in :meth:`deploy`.
    """

    engine: Engine
    report: Callable[[str], None]
    step_timeout: float = STEP_TIMEOUT
    job_timeout: float = JOB_TIMEOUT
    begun: set[str] = field(default_factory=set)

    @property
    def jobs(self) -> Jobs:
        """The runner of jobs."""
        return Jobs(self.engine, self.report, self.job_timeout, self.step_timeout)

    def deploy(self, new: Mapping[str, Any], *, jobs: bool = True, back: bool = False) -> dict[str, Any]:
        """Roll out ``new``, and return the plan as it runs.

        Args:
            new: the new plan.
            jobs: whether to run the jobs (trials of configurations, then migrations); a rollback runs none.
            back: whether ``new`` is older than the running plan: its groups come in the order of a rollback.

        Raises:
            RolloutError: a job failed, or containers never became healthy.
        """
        name, running = new["name"], self.engine.services(new["name"])
        began = convergence.Snapshot.of(running, self.engine.tasks(name))
        images = {key: entry["Spec"]["TaskTemplate"]["ContainerSpec"]["Image"] for key, entry in running.items()}
        stack = stage.keep_unchanged_images(new["stack"], images)
        self.make_networks(name, stack)
        if jobs:
            self.jobs.try_out(name, new.get("trials", {}), running)
        for group in self.groups(new, back=back):
            if jobs:
                self.jobs.run(name, {job: new["jobs"][job] for job in group if job in new["jobs"]})
            services = [service for service in group if service in stack["services"]]
            if services:
                self.begun.update(services)
                self.step(name, stage.stage(stack, services), services)
        self.check_earlier_steps(name, began)
        self.remove_others(name, stack["services"])
        # Only jobs make the data what the release wants: without them, it stays open whether these are the data.
        data = data_node(self.engine.nodes()) if jobs else new.get(DATA_NODE)
        return {**new, "stack": stack, DATA_NODE: data}

    def forget_secrets(self, name: str, current: Collection[str]) -> None:
        """Remove versions of secrets that neither a service, nor its rollback, nor this deploy uses.

        Args:
            name: the stack's name.
            current: the current names in Swarm.
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

    def check_earlier_steps(self, name: str, before: convergence.Snapshot) -> None:
        """Make sure that Swarm has not rolled back a service of an earlier step.

        Raises:
            RolloutError: Swarm has rolled a service back.
        """
        tasks = self.engine.tasks(name)
        for service, entry in self.engine.services(name).items():
            own = tasks.get(entry["ID"], [])
            reason = convergence.failure(entry, own, before)
            if reason:
                raise self.failure(service, reason, own, before)

    def groups(self, plan: Mapping[str, Any], *, back: bool) -> list[list[str]]:
        """Return the groups of ``plan`` in their order: that of a deploy, or ``back`` to the older ``plan``."""
        return stage.backward(plan, data_first=not self.data_run(plan)) if back else list(plan["order"])

    def data_run(self, plan: Mapping[str, Any]) -> bool:
        """Return whether the data services of ``plan``, its first group, are all healthy."""
        present, tasks = self.engine.services(plan["name"]), self.engine.tasks(plan["name"])
        found = [present.get(service) for service in plan["order"][0]]
        nodes = self.engine.nodes()
        return all(entry and convergence.converged(entry, tasks.get(entry["ID"], []), nodes) for entry in found)

    def rollback(self, old: Mapping[str, Any], *, back: bool = True, begun: Collection[str] | None = None) -> None:
        """Restore the previous release, group after group, because containers that start at once slow each other down.

        Args:
            old: the previous plan.
            back: whether it is older than the one that failed. It is newer if a rollback to an older one failed.
            begun: the services that may have changed; None if all may. Removed services are always restored.

        Raises:
            RolloutError: some services did not come back in time; the others did.
        """
        name, problems = old["name"], []
        groups, present = self.groups(old, back=back), self.engine.services(old["name"])
        for group in groups:
            known = [service for service in group if service in old["stack"]["services"]]
            services = [each for each in known if begun is None or each in begun or each not in present]
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
        """Remove the stack's services that are not in ``services``."""
        for gone in sorted(set(self.engine.services(name)) - set(services)):
            self.engine.run("service", "rm", f"{name}_{gone}")

    def restart(self, plan: Mapping[str, Any], services: Collection[str]) -> None:
        """Restart containers although nothing has changed, in the order and manner of a deploy.

        Args:
            plan: the running plan.
            services: the services; ``all`` stands for all but those with data, which are the first group, ``uneven``
                for those whose replicas are not spread over the hosts.

        Raises:
            RolloutError: a service is unknown, or did not come back.
        """
        if list(services) == [UNEVEN]:
            self.rebalance(plan)
            return
        name, known = plan["name"], plan["stack"]["services"]
        if list(services) == [EVERYTHING]:
            services = set(known) - set(plan["order"][0])
        unknown = sorted(set(services) - set(known))
        if unknown:
            raise RolloutError(f"there is no service {', '.join(unknown)}; known: {', '.join(sorted(known))}")
        for group in plan["order"]:
            chosen = [service for service in group if service in services]
            before = convergence.Snapshot.of(self.engine.services(name), self.engine.tasks(name))
            for service in chosen:
                self.engine.run("service", "update", "--force", "--detach", "--quiet", f"{name}_{service}")
            self.wait(name, chosen, before)

    def rebalance(self, plan: Mapping[str, Any]) -> None:
        """Spread the replicas over the hosts: after the loss of a host, Swarm leaves them on the others.

        Args:
            plan: the running plan.

        Raises:
            RolloutError: a service did not come back.
        """
        for _ in range(ROUNDS):
            found = self.uneven(plan["name"])
            if not found:
                break
            self.report(f"{', '.join(found)}: restarted to spread the replicas over the hosts")
            self.restart(plan, found)
        left = self.uneven(plan["name"])
        self.report(f"not spread evenly: {', '.join(left)}" if left else "all replicas are spread over the hosts")

    def uneven(self, name: str) -> list[str]:
        """Return the services of a stack whose replicas are not spread over the hosts."""
        return spread.uneven(self.engine.services(name), self.engine.tasks(name), self.engine.nodes())

    def pending(self, new: Mapping[str, Any], old: Mapping[str, Any]) -> None:
        """Report the migrations that ``new`` would run. Running services are not changed.

        Args:
            new: the new plan.
            old: the running plan.

        Raises:
            RolloutError: a job could not list them: it cannot reach the database, or is older than the database.
        """
        self.make_networks(new["name"], new["stack"])
        self.jobs.pending(new, old)

    def make_networks(self, name: str, stack: Mapping[str, Any]) -> None:
        """Make the stack's networks, because a job may need one before any service exists."""
        present = {entry["Name"] for entry in self.engine.get("/networks", driver="overlay")}
        for key, entry in stack["networks"].items():
            if f"{name}_{key}" in present:
                continue
            options = [f"--opt={option}={value}" for option, value in entry.get("driver_opts", {}).items()]
            options += ["--internal"] if entry.get("internal") else []
            label = f"--label={NAMESPACE}={name}"
            self.engine.run("network", "create", "--driver=overlay", label, *options, f"{name}_{key}")

    def step(self, name: str, file: Mapping[str, Any], services: Collection[str]) -> None:
        """Deploy ``file`` and wait until ``services`` are settled.

        Raises:
            RolloutError: one of them failed, or did not settle in time.
        """
        before = convergence.Snapshot.of(self.engine.services(name), self.engine.tasks(name))
        self.engine.deploy(name, file)
        began = time.monotonic()
        self.wait(name, services, before)
        self.report(f"{', '.join(sorted(services))}: healthy after {time.monotonic() - began:.0f} s")

    def wait(self, name: str, services: Collection[str], before: convergence.Snapshot | None) -> None:
        """Wait until ``services`` are settled.

        Args:
            name: the stack's name.
            services: the services.
            before: the state before the step; None in a rollback, as Swarm may be rolling back by itself then.

        Raises:
            RolloutError: one of them failed, or did not settle in time.
        """
        deadline, progress = time.monotonic() + self.step_timeout, Progress(self.report)
        cleared: set[str] = set()
        while True:
            present, tasks, nodes = self.engine.services(name), self.engine.tasks(name), self.engine.nodes()
            waiting = []
            for service in services:
                entry = present.get(service)
                if entry is None:
                    raise RolloutError(f"{service}: somebody has removed it from Swarm")
                own = tasks.get(entry["ID"], [])
                reason = convergence.failure(entry, own, before) if before else ""
                if reason and before:
                    raise self.failure(service, reason, own, before)
                later = before is None and convergence.starts_later(entry, own)
                if not later and not convergence.converged(entry, own, nodes):
                    waiting.append((service, own))
                if service not in cleared and convergence.has_duplicates(entry, own):
                    self.report(f"{service}: two containers in one slot; it is updated again")
                    self.engine.run("service", "update", "--force", "--detach", "--quiet", f"{name}_{service}")
                    cleared.add(service)
            if not waiting:
                return
            progress.tell("; ".join(standing(service, present[service], own) for service, own in waiting))
            if time.monotonic() > deadline:
                service, own = waiting[0]
                raise self.failure(
                    service, f"not healthy within {self.step_timeout:.0f} s", own, before or convergence.Snapshot()
                )
            time.sleep(INTERVAL)

    def failure(
        self, service: str, reason: str, tasks: Sequence[convergence.Task], before: convergence.Snapshot
    ) -> RolloutError:
        """Return the error for a service, with the log lines of its most informative container."""
        task = convergence.most_informative(tasks, before)
        return RolloutError(f"{service}: {reason}", self.engine.logs(task["ID"], LINES) if task else ())

    def smoke(self, wanted: smoke.Smoke) -> None:
        """Send the smoke test's requests through every node that serves the site.

        Raises:
            RolloutError: an answer was wrong.
        """
        addresses = serving(self.engine.nodes())
        smoke.run(wanted, addresses, smoke.problem, self.report)
        self.report(f"smoke test: {len(wanted.checks)} answers of {len(addresses)} hosts are right")


def standing(service: str, entry: convergence.Service, tasks: Sequence[convergence.Task]) -> str:
    """Return how many containers of a service are new and healthy."""
    if convergence.is_job(entry):
        return f"{service}: at work"
    running, desired = len(convergence.current_tasks(entry, tasks)), entry["ServiceStatus"]["DesiredTasks"]
    return f"{service}: {running} of {desired} new and healthy"


def serving(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the addresses of the nodes that run containers."""
    found = []
    for node in nodes:
        if node["Status"]["State"] == "ready" and node["Spec"]["Availability"] == "active":
            address = node["Status"].get("Addr", "")
            if address in {"", "0.0.0.0", "127.0.0.1"}:  # noqa: S104 - a manager may report these for itself
                address = node.get("ManagerStatus", {}).get("Addr", "").rpartition(":")[0]
            found.append(address)
    return found
