"""Log lines of one service, or of all, from every host, in the order of time; on demand those of one request."""

from __future__ import annotations

import re
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from rollout.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rollout.engine import Engine

#: The default number of lines of each container.
LINES = "100"
#: Lines of Nginx's error log that are kept until their request's line is found, which may be earlier or later.
REMEMBERED = 1000

_CONNECTION = re.compile(r'"connection":(\d+),')


def gather(engine: Engine, stack: str, *, service: str = "", lines: str = "", containing: str = "") -> list[str]:
    """Return log lines.

    Args:
        engine: Docker.
        stack: the stack's name.
        service: the service; all services if it is empty.
        lines: the number of last lines of each container; by default 100, or all if there is a text to search.
        containing: text that a line must contain, such as a request's id; every line matches an empty one.

    Raises:
        RolloutError: there is no such service.
    """
    known = sorted(engine.services(stack))
    if service and service not in known:
        raise RolloutError(f"there is no service {service!r}", (f"services are: {', '.join(known)}",))
    tail = lines or ("all" if containing else LINES)

    def read(name: str) -> list[str]:
        return list(matching(engine.stream_logs(f"{stack}_{name}", tail), containing))

    wanted = [service] if service else known
    with ThreadPoolExecutor(len(wanted) or 1) as pool:
        found = [line for each in pool.map(read, wanted) for line in each]
    # Each line begins with Docker's time in nanoseconds; the services' own times differ in format.
    return [line.partition(" ")[2] for line in sorted(found, key=lambda line: line.partition(" ")[0])]


def matching(lines: Iterable[str], containing: str) -> Iterator[str]:
    """Yield the lines that contain a text, then the lines of Nginx's error log for the connections of these requests.

    Args:
        lines: the lines of one service.
        containing: the text; every line contains an empty one.
    """
    connections: set[str] = set()
    errors: deque[tuple[str, str]] = deque(maxlen=REMEMBERED)
    for line in lines:
        found = _CONNECTION.search(line)
        if containing in line:
            connections |= {found[1]} if found else set()
            yield line
        elif found and '"request_id"' not in line:
            errors.append((found[1], line))
    yield from (line for connection, line in errors if connection in connections)
