"""Docker on this manager: questions go to its API, changes to its command line."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from rollout.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

SOCKET = "/var/run/docker.sock"
ANSWER_TIMEOUT = 30
COMMAND_TIMEOUT = 300
#: Seconds that managers may take to choose a leader when the one before is gone; it is a matter of a few.
ELECTION = 60
#: What every answer says that is due to the lack of one: "The swarm does not have a leader", "node lost leader status".
LEADER = "leader"

Answer = TypeVar("Answer")
#: A label that Docker itself gives to all parts of a stack.
NAMESPACE = "com.docker.stack.namespace"


class _Connection(http.client.HTTPConnection):
    """HTTP over Docker's socket."""

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(ANSWER_TIMEOUT)
        self.sock.connect(SOCKET)


class Engine:
    """The Docker daemon of this manager.

    Args:
        patience: seconds to wait for the managers to choose another leader.
    """

    def __init__(self, patience: float = ELECTION) -> None:
        """Ask later."""
        self.patience = patience

    def _once_led(self, ask: Callable[[], Answer]) -> Answer:
        """Return what ``ask`` returns, and ask again while the managers have no leader: nothing was done then."""
        deadline = time.monotonic() + self.patience
        while True:
            try:
                return ask()
            except RolloutError as error:
                if LEADER not in str(error) or time.monotonic() > deadline:
                    raise
            time.sleep(1)

    def get(self, path: str, **filters: str) -> Any:  # noqa: ANN401 - whatever JSON the API has there
        """Return what the API has at ``path``.

        Raises:
            RolloutError: the daemon does not answer, or says no.
        """
        if filters:
            path += ("&" if "?" in path else "?") + "filters=" + quote(json.dumps({k: [v] for k, v in filters.items()}))
        return self._once_led(lambda: self._get(path))

    def _get(self, path: str) -> Any:  # noqa: ANN401 - as above
        connection = _Connection("docker")
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = json.loads(answer.read() or b"null")
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise RolloutError(f"Docker does not answer: {error}") from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise RolloutError(f"Docker says {answer.status} to {path.partition('?')[0]}: {body.get('message', body)}")
        return body

    def run(self, *arguments: str, given: str | None = None) -> str:
        """Run ``docker`` and return what it prints.

        Args:
            arguments: what follows ``docker``.
            given: what it reads on standard input.

        Raises:
            RolloutError: it failed; its words are the lines.
        """
        return self._once_led(lambda: self._run(arguments, given))

    def _run(self, arguments: Sequence[str], given: str | None) -> str:
        try:
            done = subprocess.run(
                ["docker", *arguments],
                input=given,
                stdin=subprocess.DEVNULL if given is None else None,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=COMMAND_TIMEOUT,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise RolloutError(f"docker {' '.join(arguments[:2])}: {error}") from error
        if done.returncode != 0:
            raise RolloutError(
                f"docker {' '.join(arguments[:2])} failed", tuple(done.stderr.strip().splitlines()[-15:])
            )
        return done.stdout

    def services(self, stack: str) -> dict[str, dict[str, Any]]:
        """Return the services of ``stack`` by their names in the stack file."""
        found = self.get("/services?status=true", label=f"{NAMESPACE}={stack}")
        return {service["Spec"]["Name"].removeprefix(f"{stack}_"): service for service in found}

    def tasks(self, stack: str) -> dict[str, list[dict[str, Any]]]:
        """Return service id -> the tasks of ``stack``, past ones too, newest first."""
        found: dict[str, list[dict[str, Any]]] = {}
        for task in sorted(self.get("/tasks", label=f"{NAMESPACE}={stack}"), key=lambda task: task["CreatedAt"]):
            found.setdefault(task["ServiceID"], []).insert(0, task)
        return found

    def nodes(self) -> list[dict[str, Any]]:
        """Return all nodes of the Swarm."""
        return list(self.get("/nodes"))

    def deploy(self, stack: str, file: Mapping[str, Any]) -> None:
        """Have Swarm run ``file`` as ``stack``; what did not change is not touched."""
        # Images are named by digest: there is nothing to resolve.
        self.run(
            "stack", "deploy", "--detach=true", "--resolve-image=never", "--with-registry-auth",
            "--compose-file", "-", stack, given=json.dumps(file),
        )  # fmt: skip

    def logs(self, task: str, lines: int = 20) -> tuple[str, ...]:
        """Return the last lines of a task or service; none where its node is gone."""
        try:
            done = subprocess.run(
                ["docker", "service", "logs", "--raw", "--tail", str(lines), task],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=15, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return ()
        return tuple(line for line in (done.stdout + done.stderr).splitlines() if line.strip())[-lines:]
