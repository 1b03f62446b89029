"""What ``/readyz`` says, for a person: what fails or waits for somebody, and the next step. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a dependency is asked through, as problems name it (``landfast_runtime.health.asked_through``): its own name.
ASKED_THROUGH = {"RabbitMQ": "rabbitmq", "PostgreSQL": "postgres", "Nginx": "nginx"}
#: Whose log tells more, where a dependency is no service itself.
SERVICES = {"outbox": "relay"}
#: What to do about a warning, which names the queues: whoever consumes them waits for somebody else, or hangs.
WARNING_STEPS = {"outbox": "look at the logs of the workers that consume them: ./stack app list has the services"}

_ASKED_THROUGH = re.compile(r"cannot be asked, (\w+) fails")
_WRONG_PASSWORD = re.compile(
    r"authentication failed|access.?refused|wrongpass|invalid (username|password)|noauth|\(403\)", re.IGNORECASE
)
_NOT_RUNNING = re.compile(r"does not run|connection refused", re.IGNORECASE)
_DISK = re.compile(r"no space left|disk.?full|\bdisk\b", re.IGNORECASE)
_MEMORY = re.compile(r"memory is full|\boom\b", re.IGNORECASE)

#: Errors that no retry mends, of tasks that are tried again all the same: what is to be set right.
WAITS_FOR_A_PERSON = {"SMTPAuthenticationError": "SMTP_USER and the secret smtp_password: .env.example says how"}


@dataclass(frozen=True)
class Remark:
    """One thing that is not well: a dependency, what is wrong, and the next step."""

    dependency: str
    problem: str
    step: str


def remarks(document: Mapping[str, Any]) -> list[Remark]:
    """Return what the document of ``/readyz`` says that somebody should look at.

    Args:
        document: the parsed JSON; parts that are missing count as well.
    """
    dependencies = document.get("dependencies") or {}
    failing = list(document.get("failing") or [])
    found = []
    for name in failing:
        problem = (dependencies.get(name) or {}).get("problem", "not ready")
        found.append(Remark(name, problem, next_step(name, problem, failing)))
    for name in document.get("warnings") or []:
        warning = (dependencies.get(name) or {}).get("warning", "it wants somebody to look")
        found.append(Remark(name, warning, WARNING_STEPS.get(name, f"docker compose logs {SERVICES.get(name, name)}")))
    dead = (dependencies.get("outbox") or {}).get("dead") or 0
    if dead:
        letters = f"{dead} dead letter{'s' if dead > 1 else ''}: tasks that failed for good"
        found.append(Remark("outbox", letters, "docker compose exec relay python -m landfast_outbox dead"))
    for kind, step in WAITS_FOR_A_PERSON.items():
        retried = (dependencies.get("outbox") or {}).get(f"retried_after_{kind}") or 0
        if retried:
            found.append(Remark("outbox", f"{retried} tasks failed and are tried again: {kind}", step))
    return found


def next_step(name: str, problem: str, failing: list[str]) -> str:
    """Return what to do about a dependency that fails.

    Args:
        name: the dependency.
        problem: what ``/readyz`` says of it.
        failing: all that fail; what is asked through another one is to be mended after it.
    """
    service = SERVICES.get(name, name)
    asked = _ASKED_THROUGH.search(problem)
    through = ASKED_THROUGH.get(asked[1]) if asked else None
    if through in failing:
        return f"mend {through} first; then this is known"
    if _WRONG_PASSWORD.search(problem):
        return f"each takes its password when it starts: docker compose restart {through or service} console"
    if _DISK.search(problem):
        at_once = "docker compose exec postgres reserve release gives room at once; then " if name == "postgres" else ""
        return f"{at_once}docker system df; docker builder prune"
    if _MEMORY.search(problem):
        return f"give {service} more memory: compose.yaml has its limit, images/ its own share of it"
    if _NOT_RUNNING.search(problem):
        return "./stack up"
    return f"docker compose logs {service}"
