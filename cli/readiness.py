"""The report of ``/readyz`` for people: failures, warnings and dead letters, with the next step. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The name of a server in a problem (``landfast_runtime.health.asked_through``): the dependency of that server.
ASKED_THROUGH = {"RabbitMQ": "rabbitmq", "PostgreSQL": "postgres", "Nginx": "nginx"}
#: The next step for a warning of an outbox, which names the queues: their workers wait for another server, or hang.
WORKERS_LOGS = "look at the logs of the workers that consume them: ./stack app list has the services"
#: The end of the next step for an outbox that publishes nothing to some queues, which its problem names.
REFUSED = " says why the broker refuses them; a missing queue is made by the worker that consumes it, when it starts"

_ASKED_THROUGH = re.compile(r"cannot be checked, (\w+) fails")
_WRONG_PASSWORD = re.compile(
    r"authentication failed|access.?refused|wrongpass|invalid (username|password)|noauth|\(403\)", re.IGNORECASE
)
_NOT_PUBLISHED = re.compile(r" s, for: ")
_NOT_RUNNING = re.compile(r"does not run|connection refused", re.IGNORECASE)
_DISK = re.compile(r"no space left|disk.?full|\bdisk\b", re.IGNORECASE)
_MEMORY = re.compile(r"memory is full|\boom\b", re.IGNORECASE)

#: Errors of retried tasks that no retry solves, and the settings to correct.
WAITS_FOR_A_PERSON = {"SMTPAuthenticationError": "SMTP_USER and the secret smtp_password: .env.example says how"}


@dataclass(frozen=True)
class Remark:
    """One problem: the dependency, the problem, and the next step."""

    dependency: str
    problem: str
    step: str


def remarks(document: Mapping[str, Any]) -> list[Remark]:
    """Return the problems in the report of ``/readyz``.

    Args:
        document: the parsed JSON; missing parts count as problems.
    """
    dependencies = document.get("dependencies") or {}
    failing = list(document.get("failing") or [])
    found = []
    for name in failing:
        problem = (dependencies.get(name) or {}).get("problem", "not ready")
        found.append(Remark(name, problem, next_step(name, problem, failing)))
    for name in document.get("warnings") or []:
        warning = (dependencies.get(name) or {}).get("warning", "it has a warning without a text")
        found.append(Remark(name, warning, WORKERS_LOGS if _is_outbox(name) else f"./stack logs {name}"))
    for name, outbox in dependencies.items():
        if _is_outbox(name):
            found += _tasks_waiting(name, outbox or {})
    return found


def _is_outbox(name: str) -> bool:
    """Return whether a dependency is the durable tasks of a database: the shared one, or an application's own."""
    return name == "outbox" or name.startswith("outbox-")


def _tasks_waiting(name: str, outbox: Mapping[str, Any]) -> list[Remark]:
    """Return the problems of an outbox that wait for a person: tasks that failed for good, or repeatedly."""
    found = []
    dead = outbox.get("dead") or 0
    if dead:
        letters = f"{dead} dead letter{'s' if dead > 1 else ''}: tasks that failed for good"
        found.append(Remark(name, letters, "docker compose exec relay python -m landfast_outbox dead"))
    for kind, step in WAITS_FOR_A_PERSON.items():
        retried = outbox.get(f"retried_after_{kind}") or 0
        if retried:
            found.append(Remark(name, f"{retried} tasks failed and are tried again: {kind}", step))
    return found


def next_step(name: str, problem: str, failing: list[str]) -> str:
    """Return the next step for a failing dependency.

    Args:
        name: the dependency.
        problem: its problem in ``/readyz``.
        failing: all failing dependencies; one that is checked through another is to be repaired after it.
    """
    service = "relay" if _is_outbox(name) else name
    asked = _ASKED_THROUGH.search(problem)
    through = ASKED_THROUGH.get(asked[1]) if asked else None
    if through in failing:
        return f"fix {through} first; then this can be checked"
    if _WRONG_PASSWORD.search(problem):
        return f"each takes its password when it starts: docker compose restart {through or service} console"
    if _DISK.search(problem):
        at_once = "docker compose exec postgres reserve release gives room at once; then " if name == "postgres" else ""
        return f"{at_once}docker system df; docker builder prune"
    if _MEMORY.search(problem):
        return f"give {service} more memory: compose.yaml has its limit, images/ its own share of it"
    if _NOT_RUNNING.search(problem):
        return "./stack up"
    return f"./stack logs {service}{REFUSED if _is_outbox(name) and _NOT_PUBLISHED.search(problem) else ''}"
