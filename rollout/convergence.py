"""Decides from Swarm's answers whether a service has converged or failed. Pure functions only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rollout import placement

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rollout.placement import Node

Task = dict[str, Any]
Service = dict[str, Any]

FAILED = ("failed", "rejected")
#: States of tasks whose containers have ended.
ENDED = frozenset({"complete", "shutdown", "remove", "orphaned", *FAILED})
#: Failed containers at which a service has failed. Fewer may fail during a first start, before their dependencies run.
FAILURE_LIMIT = 4
#: Nanoseconds of a restart's delay that only periodic services have.
LONG_DELAY = 60 * 10**9


@dataclass(frozen=True)
class Snapshot:
    """The state before a step.

    Args:
        updates: service id -> when its last update began.
        tasks: the existing tasks.
    """

    updates: Mapping[str, str] = field(default_factory=dict)
    tasks: frozenset[str] = frozenset()

    @classmethod
    def of(cls, services: Mapping[str, Service], tasks: Mapping[str, Sequence[Task]]) -> Snapshot:
        """Record the current state."""
        return cls(
            {service["ID"]: update_began(service) for service in services.values()},
            frozenset(task["ID"] for several in tasks.values() for task in several),
        )


def update_began(service: Service) -> str:
    """Return when the last update of ``service`` began; an empty string if there was none."""
    return str((service.get("UpdateStatus") or {}).get("StartedAt", ""))


def is_job(service: Service) -> bool:
    """Return whether ``service`` is a job, which runs to its end."""
    return any(mode.endswith("Job") for mode in service["Spec"]["Mode"])


def is_current(task: Task, service: Service) -> bool:
    """Return whether ``task`` was made from the service's current specification."""
    wanted, made = service["Spec"]["TaskTemplate"], task["Spec"]
    keys = ("ContainerSpec", "Resources", "Placement")
    return all(made.get(key) == wanted.get(key) for key in keys) and (
        made.get("ForceUpdate", 0) == wanted.get("ForceUpdate", 0)
    )


def desired_number(service: Service, tasks: Sequence[Task], nodes: Sequence[Node]) -> int:
    """Return the number of containers that the service should have.

    For a service on every node Swarm's own number is that of its attempts: a node that rejects each container is
    missing there while Swarm waits for the next attempt. So the nodes are counted.

    Args:
        service: Swarm's entry of the service, with its status.
        tasks: its tasks.
        nodes: all nodes.
    """
    if "Global" not in service["Spec"]["Mode"]:
        return int(service["ServiceStatus"]["DesiredTasks"])
    # A node that takes no new containers keeps those that it has.
    return len({task.get("NodeID", "") for task in healthy_tasks(tasks)}) + len(lacking(service, tasks, nodes))


def lacking(service: Service, tasks: Sequence[Task], nodes: Sequence[Node]) -> dict[str, str]:
    """Return the nodes on which a service of every node has no healthy container: id -> the last error, if any.

    Args:
        service: Swarm's entry of the service.
        tasks: its tasks, newest first.
        nodes: all nodes.
    """
    if "Global" not in service["Spec"]["Mode"]:
        return {}
    present = {task.get("NodeID", "") for task in healthy_tasks(tasks)}
    errors: dict[str, str] = {}
    for task in tasks:
        errors[task.get("NodeID", "")] = errors.get(task.get("NodeID", "")) or task["Status"].get("Err", "")
    return {
        node["ID"]: errors.get(node["ID"], "")
        for node in nodes
        if node["ID"] not in present and placement.is_eligible(node, service)
    }


def converged(service: Service, tasks: Sequence[Task], nodes: Sequence[Node]) -> bool:
    """Return whether ``service`` is in its desired state: all containers are current and healthy.

    No old container is left then. A task is in the state running only if its container is healthy.

    Args:
        service: Swarm's entry of the service, with its status.
        tasks: its tasks.
        nodes: all nodes.
    """
    if is_job(service):
        return job_complete(service, tasks)
    wanted = [task for task in tasks if task["DesiredState"] == "running"]
    return len(current_tasks(service, tasks)) == len(wanted) == desired_number(service, tasks, nodes)


def current_tasks(service: Service, tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks that are healthy and made from the service's current specification."""
    return [task for task in healthy_tasks(tasks) if is_current(task, service)]


def healthy_tasks(tasks: Sequence[Task]) -> list[Task]:
    """Return the tasks that are healthy, and are to stay."""
    return [task for task in tasks if task["DesiredState"] == task["Status"]["State"] == "running"]


def starts_later(service: Service, tasks: Sequence[Task]) -> bool:
    """Return whether Swarm will start a container of a periodic service after a delay of minutes, as after a reboot.

    Such a container waits in the desired state ready.
    """
    policy = service["Spec"]["TaskTemplate"].get("RestartPolicy") or {}
    return int(policy.get("Delay") or 0) >= LONG_DELAY and any(task["DesiredState"] == "ready" for task in tasks)


def has_duplicates(service: Service, tasks: Sequence[Task]) -> bool:
    """Return whether two healthy containers have the same slot.

    This happens when a container fails at the moment of its replacement; Swarm does not correct it by itself.
    """
    places = [
        (task.get("Slot"), task.get("NodeID") if not task.get("Slot") else None)
        for task in current_tasks(service, tasks)
    ]
    return not is_job(service) and len(places) > len(set(places))


def job_complete(service: Service, tasks: Sequence[Task]) -> bool:
    """Return whether the job's current run is complete everywhere.

    Args:
        service: Swarm's entry of the job.
        tasks: its tasks, newest first.
    """
    run = iteration(service.get("JobStatus") or {})
    latest: dict[tuple[Any, Any], Task] = {}
    for task in tasks:
        if iteration(task) == run:
            latest.setdefault((task.get("NodeID"), task.get("Slot")), task)
    return bool(latest) and all(task["Status"]["State"] == "complete" for task in latest.values())


def run_ended(task: Task, service: Service) -> bool:
    """Return whether ``task`` belongs to the job's current run, and has ended."""
    present = iteration(task) == iteration(service.get("JobStatus") or {})
    return present and task["Status"]["State"] in ENDED


def iteration(entry: Mapping[str, Any]) -> int:
    """Return the number of the job's run in ``entry``; Swarm omits a zero."""
    return int((entry.get("JobIteration") or {}).get("Index", 0))


def failure(service: Service, tasks: Sequence[Task], before: Snapshot) -> str:
    """Return why the service's update has failed; an empty string if it has not.

    Args:
        service: Swarm's entry of the service.
        tasks: its tasks, newest first.
        before: the state before the step.
    """
    status = service.get("UpdateStatus") or {}
    began_now = update_began(service) != before.updates.get(service["ID"], "")
    broken = failed_tasks(tasks, before)
    if began_now and (status.get("State", "").startswith("rollback") or status.get("State") == "paused"):
        error = broken[0]["Status"].get("Err", "") if broken else ""
        return error or status.get("Message", "") or "Swarm rolled the update back"
    if len(broken) >= FAILURE_LIMIT:
        return f"{len(broken)} containers failed: {broken[0]['Status'].get('Err', '')}"
    return ""


def failed_tasks(tasks: Sequence[Task], before: Snapshot) -> list[Task]:
    """Return the tasks that have failed since ``before``, newest first."""
    return [task for task in tasks if task["ID"] not in before.tasks and task["Status"]["State"] in FAILED]


def most_informative(tasks: Sequence[Task], before: Snapshot) -> Task | None:
    """Return the task with the most useful log lines: one that failed, or the newest."""
    new = [task for task in tasks if task["ID"] not in before.tasks]
    return next(iter([*failed_tasks(tasks, before), *new]), None)
