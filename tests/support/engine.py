"""Docker's own interface, for what tests ask again and again: a command costs ten times as much of the processors."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
from functools import cache
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

#: Seconds for an answer.
TIMEOUT = 60


class Connection(http.client.HTTPConnection):
    """A connection over the socket of the Docker that the command line speaks to."""

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(address())


@cache
def address() -> str:
    """Return the path of Docker's socket.

    Raises:
        AssertionError: Docker is reached in another way, over SSH for example.
    """
    command = ["docker", "context", "inspect", "--format={{.Endpoints.docker.Host}}"]
    host = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert host.startswith("unix://"), f"tests need a Docker on this machine, not {host}"
    return host.removeprefix("unix://")


def containers(labels: dict[str, str]) -> list[dict[str, Any]]:
    """Return what Docker lists of all containers, stopped ones too, that carry the labels.

    Args:
        labels: name -> value.

    Raises:
        AssertionError: Docker answered with an error.
    """
    filters = json.dumps({"label": [f"{name}={value}" for name, value in labels.items()]})
    connection = Connection("docker")
    try:
        connection.request("GET", f"/containers/json?{urlencode({'all': 'true', 'filters': filters})}")
        answer = connection.getresponse()
        body = answer.read()
    finally:
        connection.close()
    assert answer.status == HTTPStatus.OK, body
    found: list[dict[str, Any]] = json.loads(body)
    return found
