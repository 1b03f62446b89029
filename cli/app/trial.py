"""Observations of a running application: its containers, answers through Nginx, queues, and written files."""

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

#: Seconds for one answer, for a container to start or to do its work, and between two inspections of it.
ANSWER, WORK, LOOK = 15, 180, 0.5
#: Docker mounts it in a container with an init.
INIT = ("/sbin/docker-init", "/usr/sbin/docker-init")
#: Requests a page from Nginx's container, which has no HTTP client, and prints the first line of the answer, if any: a
#: server with another protocol accepts the connection, and may close it before the request is complete.
ASK = (
    'trap "" PIPE; exec 3<>"/dev/tcp/$0/$1" || exit 1;'
    ' printf "GET %s HTTP/1.0\\r\\nHost: %s\\r\\n\\r\\n" "$2" "$3" >&3;'
    ' IFS= read -r -t 10 line <&3; printf "%s" "${line%[[:cntrl:]]}"'
)


@dataclass(frozen=True)
class Answer:
    """An answer to a request.

    Args:
        status: its number; 0 without an answer.
        body: the text, or the reason why there is no answer.
        location: the target of a redirect.
    """

    status: int
    body: str = ""
    location: str = ""


def get(port: int, host: str, path: str) -> Answer:
    """Return Nginx's answer to a request.

    Args:
        port: its published port.
        host: the host name in the request.
        path: the path, with its query.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=ANSWER)
    try:
        # It encodes neither encoded parts again nor the syntax of an address.
        # Nginx sends no cached page to a visitor with a cookie that it does not know: the answer is the service's own.
        headers = {"Host": host, "Cookie": "landfast_smoke=1"}
        connection.request("GET", quote(path, safe=string.punctuation), headers=headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.read().decode(errors="replace"), answer.headers.get("Location", ""))
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: the name is invalid in a header
        return Answer(0, str(error))
    finally:
        connection.close()


class _Links(HTMLParser):
    """Finds the addresses of the files that a page needs."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        shown = tag != "link" or {"stylesheet", "icon", "preload"} & set((given.get("rel") or "").split())
        self.found += [given[name] or "" for name in ("src", "href") if name in given and tag != "a" and shown]


def links(page: str, address: str) -> list[str]:
    """Return the paths of style sheets, scripts and pictures on a page, for those on the same host.

    Args:
        page: its HTML.
        address: its address.
    """
    parser = _Links()
    parser.feed(page)
    own = urlsplit(address).hostname
    found: list[str] = []
    for link in parser.found:
        with suppress(ValueError):  # it is not an address
            each = urlsplit(urljoin(address, link))
            found += [f"{each.path}?{each.query}" if each.query else each.path] if each.hostname == own else []
    return list(dict.fromkeys(found))


def ask_service(place: str, port: str, path: str, host: str) -> process.Output:
    """Request a page of a container, from Nginx's container.

    Args:
        place: its name or address.
        port: its port.
        path: the path.
        host: the host name in the request.
    """
    return process.capture(compose.compose("exec", "-T", "nginx", "bash", "-c", ASK, place, port, path, host))


def inspected(ids: Sequence[str]) -> list[dict[str, Any]]:
    """Return the output of ``docker inspect`` for containers, without those that no longer exist."""
    return list(json.loads(process.capture(compose.inspect(list(ids))).stdout or "[]")) if ids else []


def containers(services: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return service -> the output of ``docker inspect``, for services with a container."""
    ids = process.capture(compose.compose("ps", "--all", "--quiet", *services)).stdout.split() if services else []
    return {each["Config"]["Labels"]["com.docker.compose.service"]: each for each in inspected(ids)}


@contextmanager
def writable(configuration: Mapping[str, Any], service: str) -> Iterator[str]:
    """Run a second container of a service, with a writable root file system; yield the container's name.

    Args:
        configuration: Compose's view of the stack.
        service: the service.
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
    """Wait until a container is healthy or has ended, and return its ``docker inspect``; empty if it does not exist."""
    deadline = time.monotonic() + WORK
    while True:
        found = next(iter(inspected([container])), {})
        state = found.get("State", {})
        health = (state.get("Health") or {}).get("Status", "healthy")
        if not found or state["Status"] != "running" or health != "starting" or time.monotonic() > deadline:
            return found
        time.sleep(LOOK)


def written(container: Mapping[str, Any]) -> list[str]:
    """Return the paths on its root file system to which a container has written."""
    output = process.capture(["docker", "diff", container["Id"]])
    mounts = [*(each["Destination"] for each in container["Mounts"]), *(container["HostConfig"]["Tmpfs"] or {})]
    return own_paths(output.stdout.splitlines(), [*mounts, *INIT])


def own_paths(diff: Iterable[str], mounts: Iterable[str]) -> list[str]:
    """Return the innermost paths of ``docker diff``, without those that exist only because of a mount.

    Args:
        diff: its lines.
        mounts: the mounted paths.
    """
    paths = [PurePosixPath(line[2:]) for line in diff]
    places = [PurePosixPath(mount) for mount in mounts]
    about = {folder for place in places for folder in (place, *place.parents)}
    own = [path for path in paths if path not in about and not any(place in path.parents for place in places)]
    outer = {folder for path in own for folder in path.parents}
    return [str(path) for path in own if path not in outer]


def run_once(service: str) -> process.Output:
    """Run a one-shot again, as ``docker compose up`` does."""
    return process.capture(compose.compose("run", "--rm", "--no-deps", "-T", service), timeout=WORK)


def queues(vhost: str) -> list[dict[str, Any]]:
    """Return the queues of a vhost, each with the columns that :func:`cli.app.findings.consumed` reads."""
    columns = ("name", "consumers", "messages", "auto_delete", "exclusive")
    listed = ("rabbitmqctl", "--quiet", "list_queues", "--vhost", vhost, "--formatter", "json", *columns)
    output = process.capture(compose.compose("exec", "-T", "rabbitmq", *listed), timeout=60)
    return list(json.loads(output.stdout)) if output.code == 0 and output.stdout.strip() else []
