"""Trying an application that runs: what its containers, Nginx, RabbitMQ and Docker say of it."""

from __future__ import annotations

import http.client
import json
import os
import string
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urljoin, urlsplit

from cli import compose, process

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

#: Seconds for one answer, for a container to start or to do its work, and between two looks at it.
ANSWER, WORK, LOOK = 15, 180, 0.5
#: Docker puts it into a container that has an init.
INIT = ("/sbin/docker-init", "/usr/sbin/docker-init")
#: Asks for a page from where Nginx is, and prints the first line of the answer, if there is one: a server of another
#: protocol takes the connection, and may end it before the question is written. No client program is there.
ASK = (
    'trap "" PIPE; exec 3<>"/dev/tcp/$0/$1" || exit 1;'
    ' printf "GET %s HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n" "$2" "$3" >&3;'
    ' IFS= read -r -t 10 line <&3; printf "%s" "${line%[[:cntrl:]]}"'
)


@dataclass(frozen=True)
class Answer:
    """An answer to a request.

    Args:
        status: its number; 0, if there was none.
        body: the text, or why there was none.
        location: where it sends on to.
    """

    status: int
    body: str = ""
    location: str = ""


def get(port: int, host: str, path: str) -> Answer:
    """Return what Nginx answers.

    Args:
        port: where it is published.
        host: the name that is asked for.
        path: the path, with its query.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER)
    try:
        # Parts that are encoded already stay as they are, and so does an address's syntax.
        # Nginx sends no cached page to a visitor with a cookie that it does not know: the answer is the service's own.
        headers = {"Host": host, "Cookie": "landfast_smoke=1"}
        connection.request("GET", quote(path, safe=string.punctuation), headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode(errors="replace"), answer.headers.get("Location", ""))
    except (OSError, http.client.HTTPException, ValueError) as error:  # a name that no header takes, for the last
        return Answer(0, str(error))
    finally:
        connection.close()


class _Links(HTMLParser):
    """Gathers the addresses of what a page is shown with."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        shown = tag != "link" or {"stylesheet", "icon", "preload"} & set((given.get("rel") or "").split())
        self.found += [given[name] or "" for name in ("src", "href") if name in given and tag != "a" and shown]


def links(page: str, address: str) -> list[str]:
    """Return the paths of style sheets, scripts and pictures on a page, as far as its own host has them.

    Args:
        page: its HTML.
        address: where it was found.
    """
    parser = _Links()
    parser.feed(page)
    own = urlsplit(address).hostname
    found: list[str] = []
    for link in parser.found:
        with suppress(ValueError):  # no address at all
            each = urlsplit(urljoin(address, link))
            found += [f"{each.path}?{each.query}" if each.query else each.path] if each.hostname == own else []
    return list(dict.fromkeys(found))


def ask_service(place: str, port: str, path: str, host: str) -> process.Output:
    """Ask a container for a page, from where Nginx is.

    Args:
        place: its name or address.
        port: where it listens.
        path: what is asked for.
        host: by which name.
    """
    return process.capture(compose.compose("exec", "-T", "nginx", "bash", "-c", ASK, place, port, path, host))


def inspected(ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return everything about containers, whatever is left of them."""
    return list(json.loads(process.capture(compose.inspect(list(ids))).stdout or "[]")) if ids else []


def containers(services: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return service -> everything about its container, of those that have one."""
    ids = process.capture(compose.compose("ps", "--all", "--quiet", *services)).stdout.split() if services else []
    return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in inspected(ids)}


@contextmanager
def writable(configuration: Mapping[str, Any], service: str) -> Iterator[str]:
    """Run a service once more with a root file system that may be written to; yield the container's id.

    Args:
        configuration: Compose's view of the stack.
        service: whose it is.
    """
    services = {**configuration["services"], service: {**configuration["services"][service], "read_only": False}}
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump({**configuration, "services": services}, file)
        file.flush()
        name = f"{configuration['name']}-try-{service}-{os.getpid()}"
        run = ("--file", file.name, "--profile=*", "run", "--detach", "--no-deps", "--name", name, service)
        try:
            process.capture(compose.compose(*run), timeout=WORK)
            yield name
        finally:
            process.capture(["docker", "stop", name], timeout=WORK)
            process.capture(["docker", "rm", "--force", "--volumes", name])


def settled(container: str) -> dict[str, Any]:
    """Wait until a container is healthy or has ended, and return what is known of it; nothing, if it is not there."""
    deadline = time.monotonic() + WORK
    while True:
        found = next(iter(inspected([container])), {})
        state = found.get("State", {})
        health = (state.get("Health") or {}).get("Status", "healthy")
        if not found or state["Status"] != "running" or health != "starting" or time.monotonic() > deadline:
            return found
        time.sleep(LOOK)


def written(container: Mapping[str, Any]) -> list[str]:
    """Return the paths that a container has written to on its root file system."""
    output = process.capture(["docker", "diff", container["Id"]])
    mounts = [*(each["Destination"] for each in container["Mounts"]), *(container["HostConfig"]["Tmpfs"] or {})]
    return own_paths(output.stdout.splitlines(), [*mounts, *INIT])


def own_paths(diff: Iterable[str], mounts: Iterable[str]) -> list[str]:
    """Return the paths of ``docker diff`` that are not there for the sake of a mount, the innermost alone.

    Args:
        diff: its lines.
        mounts: where something is mounted.
    """
    paths = [PurePosixPath(line[2:]) for line in diff]
    places = [PurePosixPath(mount) for mount in mounts]
    about = {folder for place in places for folder in (place, *place.parents)}
    own = [path for path in paths if path not in about and not any(place in path.parents for place in places)]
    outer = {folder for path in own for folder in path.parents}
    return [str(path) for path in own if path not in outer]


def run_once(service: str) -> process.Output:
    """Run a one-shot again, as ``docker compose up`` would."""
    return process.capture(compose.compose("run", "--rm", "--no-deps", "-T", service), timeout=WORK)


def queues(vhost: str) -> list[dict[str, Any]]:
    """Return the queues of a vhost, each with the columns that :func:`cli.app.findings.consumed` reads."""
    columns = ("name", "consumers", "messages", "auto_delete", "exclusive")
    listed = ("rabbitmqctl", "--quiet", "list_queues", "--vhost", vhost, "--formatter", "json", *columns)
    output = process.capture(compose.compose("exec", "-T", "rabbitmq", *listed), timeout=60)
    return list(json.loads(output.stdout)) if output.code == 0 and output.stdout.strip() else []
