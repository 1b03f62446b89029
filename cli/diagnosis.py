"""Diagnoses unhealthy services and suggests the next step. Pure functions of Docker's state and the service's logs."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: sysexits.h's EX_CONFIG, the services' exit status for a bad setting.
EXIT_BAD_CONFIGURATION = 78
#: 128 and SIGKILL
KILLED = 137
MANY_RESTARTS = 3
WIDTH = 220
LINES_SHOWN = 3
SEVERE = frozenset({"critical", "error", "fatal"})
HARMLESS = frozenset({"debug", "info", "notice"})

_COMPLAINT = re.compile(r"\b(error|fatal|critical|panic|emerg|denied|refused|exception|cannot|failed)\b", re.IGNORECASE)
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_DISK_FULL = re.compile(r"no space left on device|disk quota exceeded", re.IGNORECASE)
_PORT_TAKEN = re.compile(r"port is already allocated|address already in use", re.IGNORECASE)


@dataclass(frozen=True)
class Container:
    """A service's container.

    Args:
        service: the service's name.
        status: Docker's status: running, exited, restarting, created, paused, dead; or missing.
        health: healthy, unhealthy, starting, or empty without a health check.
        exit_code: the exit status of its last end.
        out_of_memory: whether the kernel killed it because memory ran out.
        restarts: how often Docker restarted it by itself.
        once: whether it is a one-shot, which ends by itself.
        error: why Docker could not start it.
        probe: the output of its last failed health check.
        waits_for: the services that must be healthy before it starts.
    """

    service: str
    status: str = "missing"
    health: str = ""
    exit_code: int = 0
    out_of_memory: bool = False
    restarts: int = 0
    once: bool = False
    error: str = ""
    probe: str = ""
    waits_for: tuple[str, ...] = ()

    @property
    def is_well(self) -> bool:
        """Whether the container is in its desired state."""
        if self.once and self.status == "exited":
            return self.exit_code == 0
        return self.status == "running" and self.health in {"", "healthy"}

    @property
    def keeps_ending(self) -> bool:
        """Whether it ends after each start: Docker waits before the next start, or it was started again just now."""
        return self.status == "restarting" or (self.health == "starting" and self.restarts > 0)

    @property
    def words(self) -> str:
        """The container's condition in a few words."""
        if self.keeps_ending:
            return "ending after each start"
        if self.status == "exited":
            return "done" if self.is_well else f"exited ({self.exit_code})"
        return self.health or self.status if self.status == "running" else self.status


@dataclass(frozen=True)
class Finding:
    """A problem of a service, its reason, and the next step."""

    service: str
    condition: str
    reason: str
    step: str


def containers(inspected: Sequence[Mapping[str, Any]], expected: Iterable[str]) -> list[Container]:
    """Return the container of every expected service from ``docker inspect``; services without one are "missing".

    Args:
        inspected: ``docker inspect`` of the project's containers.
        expected: the names of the project's services.
    """
    found = {container.service: container for container in map(container_from, inspected)}
    return [found.get(service, Container(service)) for service in sorted(expected)]


def container_from(inspected: Mapping[str, Any]) -> Container:
    """Return one container from its ``docker inspect``."""
    state, labels = inspected["State"], inspected["Config"]["Labels"]
    health = state.get("Health") or {}
    probes = [entry["Output"] for entry in health.get("Log") or [] if entry["ExitCode"] != 0]
    waits_for = (
        entry.partition(":")[0] for entry in labels.get("com.docker.compose.depends_on", "").split(",") if entry
    )
    return Container(
        service=labels["com.docker.compose.service"],
        status=state["Status"],
        health=health.get("Status", "").replace("none", ""),
        exit_code=state["ExitCode"],
        out_of_memory=state["OOMKilled"],
        restarts=inspected.get("RestartCount", 0),
        once=inspected["HostConfig"]["RestartPolicy"]["Name"] in {"", "no"},
        error=state.get("Error", ""),
        probe=last_line(probes[-1]) if probes else "",
        waits_for=tuple(waits_for),
    )


def diagnose(container: Container, log: Sequence[str], unwell: set[str]) -> Finding:
    """Return the likely reason why ``container`` is unhealthy, and the next step.

    Args:
        container: the container to explain.
        log: its last log lines.
        unwell: all unhealthy services; a service that another one waits for is to be repaired first.
    """
    reason, step = explain(container, log, unwell)
    if container.keeps_ending or container.restarts >= MANY_RESTARTS:
        times = f"{container.restarts} time{'s' if container.restarts != 1 else ''}"
        reason += f" (restarted {times})"
    return Finding(container.service, container.words, reason, step)


def explain(container: Container, log: Sequence[str], unwell: set[str]) -> tuple[str, str]:
    """Return reason and next step for the first sign that applies, from the strongest to the weakest."""
    look = f"./stack logs {container.service}"
    complaint = last_complaint(log)
    text = f"{container.error}\n{container.probe}\n{complaint}"
    severe = complaint if any(line.is_severe for line in read_lines(log)) else ""
    needed = [name for name in container.waits_for if name in unwell]
    bad_configuration = container.exit_code == EXIT_BAD_CONFIGURATION and container.status in {"exited", "restarting"}
    signs = (
        (
            container.out_of_memory,
            "the kernel killed it: it took more memory than its limit",
            "raise its limit in compose.yaml, or give it less to do at once",
        ),
        (bad_configuration, complaint, "set that right (.env, .env.example), then ./stack up"),
        (_DISK_FULL.search(text), "the disk is full", "docker system df; docker builder prune; then ./stack up"),
        (
            _PORT_TAKEN.search(text),
            container.error or "a port is taken",
            "free the port or choose another, then ./stack up",
        ),
        (container.error, container.error, "./stack up; if it stays, docker inspect tells more"),
        (
            needed,
            f"it needs {', '.join(needed)}",
            f"fix {needed[0] if needed else ''} first; then this one starts by itself",
        ),
        (container.status == "missing", "it was never started", "./stack up"),
        (container.status == "created", "it was made and not started: a start was interrupted", "./stack up"),
        (container.status == "paused", "somebody paused it", f"docker compose unpause {container.service}"),
        (container.status == "exited" and container.exit_code == 0, "somebody stopped it", "./stack up"),
        (container.status == "exited" and container.exit_code == KILLED, "somebody killed it", "./stack up"),
        (container.keeps_ending, complaint, look),
        (
            container.health == "starting",
            severe or "its health check has not passed yet",
            "wait a little, then ./stack doctor",
        ),
        (container.health == "unhealthy" and container.probe, container.probe, look),
    )
    for sign, reason, step in signs:
        if sign:
            return shorten(reason or complaint or "no word from it"), step
    return shorten(complaint or "no word from it"), look


@dataclass(frozen=True)
class Line:
    """A log line: its level and message if it is JSON, else the plain line."""

    level: str
    message: str
    is_indented: bool = False

    @classmethod
    def read(cls, text: str) -> Line:
        """Parse one line of a log."""
        try:
            entry = json.loads(text)
        except ValueError:
            entry = None
        if not isinstance(entry, dict):
            return cls("", text.strip(), text[:1].isspace())
        exception = last_line(str(entry.get("exception", "")))
        message = str(entry.get("message") or entry.get("msg") or text)
        level = str(entry.get("level", "")).lower()
        return cls(level, f"{message} {exception}".strip(), message[:1].isspace())

    @property
    def is_severe(self) -> bool:
        """Whether its level is that of an error."""
        return self.level in SEVERE

    @property
    def complains(self) -> bool:
        """Whether the message sounds like an error and no level contradicts that."""
        return bool(_COMPLAINT.search(self.message)) and self.level not in HARMLESS


def telling(log: Sequence[str]) -> list[str]:
    """Return the most relevant lines of ``log``: its last errors, each once, or else its last lines."""
    lines = read_lines(log)
    complaints = [line for line in lines if line.is_severe or line.complains]
    shown = dict.fromkeys(shorten(line.message) for line in complaints or lines[-LINES_SHOWN:])
    return list(shown)[-LINES_SHOWN:]


def last_complaint(log: Sequence[str]) -> str:
    """Return the last line that looks like the cause: by its level, else by its message, else the last line."""
    lines = [line for line in read_lines(log) if line.message]
    for select in (lambda line: line.is_severe, lambda line: line.complains, lambda _: True):
        found = [line.message for line in lines if select(line)]
        if found:
            return found[-1]
    return ""


def read_lines(log: Sequence[str]) -> list[Line]:
    """Return the lines of a log; a traceback that is no part of a JSON line is one error, the exception."""
    found: list[Line] = []
    is_traceback = False
    for line in map(Line.read, log):
        if line.message.endswith("Traceback (most recent call last):"):
            is_traceback = True
        elif not is_traceback:
            found.append(line)
        elif not line.is_indented:
            found.append(Line("error", line.message))
            is_traceback = False
    return found


def plain(text: str) -> str:
    """Return ``text`` without the terminal's control sequences."""
    return _CONTROL.sub("", text)


def last_line(text: str) -> str:
    """Return the last line of ``text`` that is not blank."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else ""


def shorten(text: str) -> str:
    """Return ``text`` short enough for one line."""
    flat = " ".join(text.split())
    return flat if len(flat) <= WIDTH else f"{flat[: WIDTH - 1]}…"
