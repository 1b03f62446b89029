"""``./stack logs``: the services' JSON lines formatted for people, tracebacks unfolded; optionally of one request."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from cli import compose, process, services
from cli.app import plan
from cli.diagnosis import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

#: The default number of lines of each container.
LINES = 200
#: Fields that have a fixed place in a line, or are useless to a person.
PLACED = {"time", "level", "service", "message", "msg", "logger", "exception", "stack"}


def show(names: Sequence[str], *, request: str, follow: bool, lines: int | None) -> int:
    """Print log lines, or follow them until Ctrl-C, and return Compose's exit status.

    Args:
        names: the services; all if none is named.
        request: the id that a line must contain; every line matches an empty one.
        follow: whether to wait for more.
        lines: the number of last lines of each container; by default 200, or all if there is an id.

    Raises:
        StackError: Compose cannot read its files, or there is no such service: Compose would show nothing and report
            success.
    """
    known = process.capture(compose.services(all_profiles=True))
    if known.code != 0:
        raise plan.unreadable(known.stderr.strip())
    services.check(names, known.stdout.split())
    tail = lines if lines is not None else "all" if request else LINES
    command = compose.logs(*names, lines=tail, follow=follow, prefix=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as running:
        try:
            for line in running.stdout or ():
                if request in line:
                    print(readable(line), flush=True)
            return running.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            running.terminate()


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
