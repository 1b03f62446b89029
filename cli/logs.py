"""``./stack logs``: the services' JSON lines as people read them, one request's alone if asked, tracebacks unfolded."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

from cli import compose, process, services
from cli.diagnosis import plain

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Lines of each container, for a look at what goes on.
LINES = 200
#: What has a place of its own in a line, or says nothing to a person.
PLACED = {"time", "level", "service", "message", "msg", "logger", "exception", "stack"}


def show(names: Sequence[str], *, request: str, follow: bool, lines: int | None) -> int:
    """Print log lines until there are no more, or as they come until Ctrl-C, and return Compose's exit status.

    Args:
        names: whose; all, if none is named.
        request: the id that a line must hold; any, if it is empty.
        follow: whether to wait for more.
        lines: how many of the last ones of each container; unless told, enough to read, or all to search.

    Raises:
        StackError: there is no such service; Compose would show nothing, and be content.
    """
    known = process.capture(compose.services(all_profiles=True)).stdout.split()
    services.check(names, known)
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
    """Return one line of ``docker compose logs`` for people; what is no JSON stays as it is.

    Args:
        line: the container's name, a bar, and what the service wrote.
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
