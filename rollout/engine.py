"""Docker on this manager: reads go to its API, changes to its command line."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from rollout.errors import RolloutError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

SOCKET = "/var/run/docker.sock"
ANSWER_TIMEOUT = 30
COMMAND_TIMEOUT = 300
#: Seconds that Docker may take to answer again: managers elect a leader within a few; a starved daemon takes longer.
PATIENCE = 120
INTERVAL = 1.0
#: Texts of transient errors: no leader ("The swarm does not have a leader", "node lost leader status"), a time-out, a
#: leader that does not answer, a service that Swarm itself changed in between, a daemon that restarts.
TRANSIENT = (
    "leader",
    "DeadlineExceeded",
    "deadline exceeded",
    "code = Unavailable",
    "update out of sequence",
    "Cannot connect to the Docker",
)
#: Texts of errors of a second attempt which mean that the first one succeeded, although its answer was lost.
DONE_BEFORE = ("already exists", "not found", "No such")

Answer = TypeVar("Answer")
#: A label that Docker itself gives to all parts of a stack.
NAMESPACE = "com.docker.stack.namespace"


def error_class(message: str) -> type[RolloutError]:
    """Return the class for Docker's error text: transient, for a retry, or permanent."""
    return TransientError if any(words in message for words in TRANSIENT) else RolloutError


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
        patience: seconds for retries while Docker does not answer, or has no leader.
    """

    def __init__(self, patience: float = PATIENCE) -> None:
        """Keep the time limit; nothing is sent yet."""
        self.patience = patience

    @property
    def impatient(self) -> Engine:
        """The same daemon without retries, to notice that it does not answer."""
        return Engine(patience=0)

    def _retried(self, attempt: Callable[[bool], Answer]) -> Answer:
        """Return the result of ``attempt``, which is retried while Docker cannot answer.

        Args:
            attempt: sends the request; its argument says whether this is a retry.
        """
        deadline = time.monotonic() + self.patience
        again = False
        while True:
            try:
                return attempt(again)
            except TransientError:
                if time.monotonic() > deadline:
                    raise
            again = True
            time.sleep(INTERVAL)

    def get(self, path: str, **filters: str) -> Any:  # noqa: ANN401 - the API's JSON has many forms
        """Return the API's answer for ``path``.

        Raises:
            RolloutError: the daemon does not answer, or refuses the request.
        """
        if filters:
            path += ("&" if "?" in path else "?") + "filters=" + quote(json.dumps({k: [v] for k, v in filters.items()}))
        return self._retried(lambda _: self._get(path))

    def _get(self, path: str) -> Any:  # noqa: ANN401 - as above
        connection = _Connection("docker")
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = json.loads(answer.read() or b"null")
        except (OSError, ValueError, http.client.HTTPException) as error:
            raise TransientError(f"Docker does not answer: {error or type(error).__name__}") from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            message = body.get("message", body) if isinstance(body, dict) else body
            raise error_class(str(message))(f"Docker answers {answer.status} to {path.partition('?')[0]}: {message}")
        return body

    def run(self, *arguments: str, given: str | None = None) -> str:
        """Run ``docker`` and return its output.

        Args:
            arguments: the arguments after ``docker``.
            given: its standard input.

        Raises:
            RolloutError: the command failed; the error's lines are its output.
        """
        return self._retried(lambda again: self._run(arguments, given, again=again))

    def _run(self, arguments: Sequence[str], given: str | None, *, again: bool) -> str:
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
        except subprocess.TimeoutExpired as error:
            raise TransientError(f"docker {' '.join(arguments[:2])}: {error}") from error
        except OSError as error:
            raise RolloutError(f"docker {' '.join(arguments[:2])}: {error}") from error
        if done.returncode != 0 and not (again and any(words in done.stderr for words in DONE_BEFORE)):
            lines = tuple(done.stderr.strip().splitlines()[-15:])
            raise error_class(done.stderr)(f"docker {' '.join(arguments[:2])} failed", lines)
        return done.stdout

    def services(self, stack: str) -> dict[str, dict[str, Any]]:
        """Return the services of ``stack`` by their names in the stack file."""
        found = self.get("/services?status=true", label=f"{NAMESPACE}={stack}")
        return {service["Spec"]["Name"].removeprefix(f"{stack}_"): service for service in found}

    def tasks(self, stack: str) -> dict[str, list[dict[str, Any]]]:
        """Return service id -> the tasks of ``stack``, newest first, including ended ones."""
        found: dict[str, list[dict[str, Any]]] = {}
        for task in sorted(self.get("/tasks", label=f"{NAMESPACE}={stack}"), key=lambda task: task["CreatedAt"]):
            found.setdefault(task["ServiceID"], []).insert(0, task)
        return found

    def nodes(self) -> list[dict[str, Any]]:
        """Return all nodes of the Swarm."""
        return list(self.get("/nodes"))

    def deploy(self, stack: str, file: Mapping[str, Any]) -> None:
        """Deploy ``file`` as ``stack``; Swarm leaves unchanged services alone."""
        # Images are named by digest, so Docker need not resolve them.
        self.run(
            "stack", "deploy", "--detach=true", "--resolve-image=never", "--with-registry-auth",
            "--compose-file", "-", stack, given=json.dumps(file),
        )  # fmt: skip

    def logs(self, task: str, lines: int = 20) -> tuple[str, ...]:
        """Return the last lines of a task or service; none if its node is gone."""
        try:
            done = subprocess.run(
                ["docker", "service", "logs", "--raw", "--tail", str(lines), task],
                stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=15, check=False,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired):
            return ()
        return tuple(line for line in (done.stdout + done.stderr).splitlines() if line.strip())[-lines:]

    def stream_logs(self, service: str, tail: str) -> Iterator[str]:
        """Yield the log lines of a service's containers on all hosts, each after Docker's time.

        Args:
            service: its name, including that of the stack.
            tail: the number of last lines of each container, or ``all``.

        Raises:
            RolloutError: Docker cannot be run.
        """
        command = ["docker", "service", "logs", "--raw", "--timestamps", "--tail", tail, service]
        try:
            running = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                errors="replace",
            )  # fmt: skip
        except OSError as error:
            raise RolloutError(f"docker service logs: {error}") from error
        # Docker would wait for ever for the lines of a lost host.
        timer = threading.Timer(COMMAND_TIMEOUT, running.kill)
        timer.start()
        try:
            with running:
                yield from (line.rstrip("\n") for line in running.stdout or ())
        finally:
            timer.cancel()
