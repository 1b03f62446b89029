"""``./stack logs``: the services' JSON lines formatted for people, tracebacks unfolded; optionally of one request."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

from cli import compose, process, services
from cli.app import plan
from cli.console import StackError
from cli.diagnosis import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: The default number of lines of each container.
LINES = 200
#: Fields that have a fixed place in a line, or are useless to a person.
PLACED = {"time", "level", "service", "message", "msg", "logger", "exception", "stack"}

_TIME = re.compile(r'"time": ?"([\d-]{10}T[\d:]{8})')


def show(names: Sequence[str], *, request: str, follow: bool, lines: int | None) -> int:
    """Print log lines, or follow them until Ctrl-C, and return Compose's exit status.

    Args:
        names: the services; all if none is named.
        request: the id that a line must contain; every line matches an empty one.
        follow: whether to wait for more.
        lines: the number of last lines of each container; by default 200, or all if there is an id.

    Raises:
        StackError: Compose cannot read its files, or there is no such service: Compose would show nothing and report
            success; or no line has the id.
    """
    known = process.capture(compose.services(all_profiles=True))
    if known.code != 0:
        raise plan.unreadable(known.stderr.strip())
    services.check(names, known.stdout.split())
    tail = lines if lines is not None else "all" if request else LINES
    command = compose.logs(*names, lines=tail, follow=follow, prefix=True)
    begin: dict[str, str] = {}
    found = False
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as running:
        try:
            for line in running.stdout or ():
                if request in line:
                    found = True
                    print(readable(line), flush=True)
                elif not found and (container := container_of(line)) not in begin and (time := time_of(line)):
                    begin[container] = time
            code = running.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            running.terminate()
    if request and not found and code == 0:
        raise StackError(f"no line has the id {request!r}{reach(begin)}", "an answer has it in X-Request-ID")
    return code


def reach(begin: Mapping[str, str]) -> str:
    """Return how far back the logs reach.

    Args:
        begin: container -> the time of its oldest line.
    """
    if not begin:
        return ""
    ordered = sorted((time, container) for container, time in begin.items())
    (oldest, first), (newest, last) = ordered[0], ordered[-1]
    until = f" ({first}), and those of {last} to {newest}" if newest != oldest else ""
    return f": the logs that were read reach back to {oldest}{until}"


def container_of(line: str) -> str:
    """Return the container's name at the beginning of a line of ``docker compose logs``."""
    return plain(line).partition("|")[0].strip()


def time_of(line: str) -> str:
    """Return the time of a service's JSON line, which is UTC, to the second; an empty string for other lines."""
    found = _TIME.search(line)
    return f"{found[1]}Z" if found else ""


def readable(line: str) -> str:
    """Return one line of ``docker compose logs`` for people; a line that is not JSON is left unchanged.

    Args:
        line: the container's name, a bar, and the service's own line.
    """
    container, bar, text = plain(line).rstrip().partition("| ")
    try:
        entry = json.loads(text)
    except ValueError:
        entry = None
    if not bar or not isinstance(entry, dict):
        return plain(line).rstrip()
    time = str(entry.get("time", "")).partition("T")[2] or str(entry.get("time", ""))
    level = str(entry.get("level", "")).upper()
    words = str(entry.get("message") or entry.get("msg") or "")
    more = " ".join(
        f"{name}={value}" for name, value in entry.items() if name not in PLACED and value not in (None, "")
    )
    unfolded = "".join(f"\n{entry[name]}" for name in ("exception", "stack") if entry.get(name))
    shown = " ".join(part for part in (time, level, container.strip(), words, more) if part)
    return shown + unfolded.replace("\n", "\n    ")
