"""Log lines of one service, or of all, from every host, in the order of time; one request's alone if asked."""

from __future__ import annotations

import re
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from rollout.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rollout.engine import Engine

#: Lines of each service's containers, for a look at what goes on.
LINES = "100"
#: Lines of Nginx's error log that are kept until it is known whose they are: they come before or after their request's.
REMEMBERED = 1000

_CONNECTION = re.compile(r'"connection":(\d+),')


def gather(engine: Engine, stack: str, *, service: str = "", lines: str = "", containing: str = "") -> list[str]:
    """Return log lines.

    Args:
        engine: Docker.
        stack: the stack's name.
        service: whose; of all services, if none is named.
        lines: how many of the last ones of each container; unless told, enough to read, or all to search.
        containing: what a line must hold, such as a request's id; anything, if it is empty.

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
    # Docker's time, to the nanosecond, begins each line: the services' own differ in form.
    return [line.partition(" ")[2] for line in sorted(found, key=lambda line: line.partition(" ")[0])]


def matching(lines: Iterable[str], containing: str) -> Iterator[str]:
    """Yield the lines that hold a text; after those of requests, what Nginx's error log says of their connections.

    Args:
        lines: those of one service.
        containing: the text; every line holds an empty one.
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
