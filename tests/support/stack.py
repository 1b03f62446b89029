"""An isolated stack: the repository's own Compose files under another project name and on other ports."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.support.ports import free_ports
from tests.support.timing import measured
from tests.support.waiting import PATIENCE, wait_until

ROOT = Path(__file__).resolve().parents[2]

#: The prefix of every project of the tests; the id of its process follows.
PREFIX = "landfast-test-"

#: Compose's label on all objects of a project.
LABEL = "com.docker.compose.project"

#: Seconds on an idle reference machine: for building all images from nothing, for the start of a whole stack, for that
#: of one service, for one command. A hanging command is ended after PATIENCE times as many.
BUILD = 900
STACK_START = 180
SERVICE_START = 90
COMMAND = 120


class CommandError(AssertionError):
    """A command failed; the message has its whole output."""


@dataclass(frozen=True)
class Ports:
    """The published ports of a stack."""

    http: int
    https: int
    mail: int

    @classmethod
    def free(cls) -> Ports:
        """Return free ports."""
        return cls(*free_ports(3))


@dataclass(frozen=True)
class Container:
    """One of a stack's containers.

    Args:
        id: Docker's id.
        service: its service.
        status: its health, or its state if it has no health check.
    """

    id: str
    service: str
    status: str

    @classmethod
    def parse(cls, line: str) -> Container:
        """Parse a line of ``docker ps``: id, service, state, and the status text with duration and health."""
        identifier, service, state, words = line.split("\t")
        health = words.partition("(")[2].rstrip(")").removeprefix("health: ")
        return cls(identifier, service, health if state == "running" else state)


@dataclass(frozen=True, eq=False)
class Stack:
    """One Compose project.

    Args:
        project: its name.
        directory: the checkout whose Compose files it runs.
        ports: the published ports.
        files: the Compose files; if empty, Compose uses those of a laptop.
        variables: more variables, as from ``.env``.
    """

    project: str = f"{PREFIX}{os.getpid()}"
    directory: Path = ROOT
    ports: Ports = field(default_factory=Ports.free)
    files: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)

    @property
    def http_url(self) -> str:
        """The site over plain HTTP."""
        return f"http://localhost:{self.ports.http}"

    @property
    def https_url(self) -> str:
        """The site over HTTPS, with the certificate of the local authority."""
        return f"https://localhost:{self.ports.https}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment variables for Compose."""
        return {
            **os.environ,
            "COMPOSE_PROJECT_NAME": self.project,
            "HTTP_PORT": str(self.ports.http),
            "HTTPS_PORT": str(self.ports.https),
            "MAIL_PORT": str(self.ports.mail),
            "PUBLIC_URL": self.http_url,
            # The tests are thousands of visitors with one address. Others, in tests/security/ too, are of the limits.
            "API_ADDRESS_RATE_LIMIT": "1000000",
            "LETTERS_PER_HOUR": "1000",
            "EDGE_WRITE_RATE": "1000",
            "EDGE_WRITE_BURST": "10000",
            **({"COMPOSE_FILE": os.pathsep.join(self.files)} if self.files else {}),
            **self.variables,
        }

    def compose(
        self, *arguments: str, check: bool = True, timeout: float = COMMAND, progress: str = "quiet"
    ) -> subprocess.CompletedProcess[str]:
        """Run ``docker compose`` and return its output.

        Raises:
            CommandError: ``check`` is set and it failed.
        """
        result = subprocess.run(
            ["docker", "compose", "--ansi=never", f"--progress={progress}", *arguments],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE * timeout,
            check=False,
        )
        if check and result.returncode:
            words = " ".join(arguments)
            raise CommandError(
                f"docker compose {words} ended with {result.returncode}:\n{result.stdout}{result.stderr}"
            )
        return result

    def pause(self, service: str) -> None:
        """Freeze a service's processes.

        On a busy machine the kernel may not freeze all of them at once, and Docker gives up then ("unable to freeze",
        runc's cgroups/fs/freezer.go).
        """

        def is_frozen() -> bool:
            try:
                docker("pause", self.container(service))
            except CommandError as error:
                if "unable to freeze" not in str(error):
                    raise
                return False
            return True

        wait_until(is_frozen, 60, f"{service} to freeze")

    def unpause(self, *services: str) -> None:
        """Let frozen services go on."""
        docker("unpause", *self.ids(*services))

    @cached_property
    def config(self) -> dict[str, Any]:
        """The configuration that Compose reads from its files."""
        loaded: dict[str, Any] = json.loads(self.compose("config", "--format=json").stdout)
        return loaded

    @cached_property
    def one_shots(self) -> set[str]:
        """The one-shots, which run to their end."""
        services = self.config["services"].values()
        dependencies = [entry for service in services for entry in service.get("depends_on", {}).items()]
        return {name for name, how in dependencies if how["condition"] == "service_completed_successfully"}

    @cached_property
    def long_running(self) -> set[str]:
        """The services that keep running."""
        return set(self.config["services"]) - self.one_shots

    @cached_property
    def images(self) -> set[str]:
        """The names of the services' images."""
        return {service["image"] for service in self.config["services"].values()}

    def build(self) -> None:
        """Build the images under this project's name; the builder's cache has unchanged layers."""
        with measured("build of the images"):
            self.compose("build", timeout=BUILD, progress="plain")

    def take_images_of(self, other: Stack) -> None:
        """Tag another stack's images with this project's name."""
        for image in self.images:
            docker("tag", other.project + image.removeprefix(self.project), image)

    def up(self) -> None:
        """Start all services and wait until they are healthy."""
        with measured("start of a stack"):
            self.compose("up", "--detach", "--no-build", "--quiet-pull", "--remove-orphans", timeout=STACK_START)
            self.wait_healthy(*self.long_running, timeout=STACK_START)

    def start_again(self) -> None:
        """Start services whose containers have stopped or are gone.

        Docker itself starts existing containers. Compose would start the one-shots again, which take half a minute of a
        processor. Without dependencies Compose would replace the containers, because their configuration would differ.
        """
        there = [each for each in self.containers() if each.service in self.long_running]
        stopped = [each.id for each in there if each.status in {"exited", "created", "dead"}]
        if stopped:
            docker("start", *stopped)
        if self.long_running - {each.service for each in there}:
            self.compose("up", "--detach", "--no-build", timeout=STACK_START)

    def down(self) -> None:
        """Remove containers, networks, data and this project's names of images."""
        with measured("end of a stack"):
            everything = ("--volumes", "--remove-orphans", "--rmi=all", "--timeout=0")
            self.compose("--profile=*", "down", *everything, timeout=STACK_START)

    def stop(self, *services: str) -> None:
        """Stop services as an operator would, each within its grace period.

        Docker is asked itself here and below: Compose reads all its files first, which takes a third of a second of a
        processor that the services need.
        """
        with measured(f"stop of {', '.join(services)}"):
            docker("stop", *self.ids(*services))
            # Docker ends this command a moment before its list shows the end.
            wait_until(lambda: set(self.statuses(*services).values()) == {"exited"}, 20, "Docker to list their end")

    def start(self, *services: str) -> None:
        """Start stopped services and wait until they are healthy."""
        with measured(f"start of {', '.join(services)}"):
            docker("start", *self.ids(*services))
            self.wait_healthy(*services)

    def wait_healthy(self, *services: str, timeout: float = SERVICE_START) -> None:
        """Wait until the services' own health checks pass."""

        def unhealthy() -> dict[str, str]:
            return {name: status for name, status in self.statuses(*services).items() if status != "healthy"}

        wait_until(lambda: not unhealthy(), timeout, lambda: f"healthy: {unhealthy()}", interval=0.3)

    def statuses(self, *services: str) -> dict[str, str]:
        """Return each service's health, or its state if it has no health check."""
        found = dict.fromkeys(services, "absent")
        return found | {each.service: each.status for each in self.containers() if each.service in found}

    def healthy_containers(self) -> set[str]:
        """Return the ids of all running containers whose own health checks pass."""
        return {each.id for each in self.containers() if each.status == "healthy"}

    def container(self, service: str) -> str:
        """Return the id of a service's container."""
        return "\n".join(self.ids(service))

    def ids(self, *services: str) -> list[str]:
        """Return the ids of services' containers, of those that have some."""
        return [each.id for each in self.containers() if each.service in services]

    def containers(self) -> list[Container]:
        """Return the services' containers.

        This calls Docker itself, because tests poll it: Compose needs eight times as much processor time, which the
        services need while a test waits for them.
        """
        mine = (f"--filter=label={LABEL}={self.project}", "--filter=label=com.docker.compose.oneoff=False")
        form = '{{.ID}}\t{{.Label "com.docker.compose.service"}}\t{{.State}}\t{{.Status}}'
        lines = docker("ps", "--all", "--no-trunc", *mine, f"--format={form}").splitlines()
        return [Container.parse(line) for line in lines]

    def inspect(self, service: str) -> dict[str, Any]:
        """Return Docker's details of a service's container."""
        found: dict[str, Any] = json.loads(docker("inspect", self.container(service)))[0]
        return found

    def execute(self, service: str, *command: str) -> str:
        """Run a command in a running service's container and return its output."""
        return docker("exec", self.container(service), *command)

    def logs(self, *services: str, since: str | None = None) -> str:
        """Return the log lines of services, of all by default.

        This calls Docker itself, because ``docker compose logs`` 2.26 writes control characters before each line.
        """
        options = [f"--since={since}"] if since else []
        chosen = [each.id for each in self.containers() if not services or each.service in services]
        return "".join(docker("logs", *options, container, merge=True) for container in chosen)


def docker(*arguments: str, timeout: float = COMMAND, merge: bool = False) -> str:
    """Run ``docker`` and return its standard output, with ``merge`` also its standard error.

    Raises:
        CommandError: the command failed.
    """
    errors = subprocess.STDOUT if merge else subprocess.PIPE
    result = subprocess.run(
        ["docker", *arguments],
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        timeout=PATIENCE * timeout,
        check=False,
    )
    if result.returncode:
        raise CommandError(
            f"docker {' '.join(arguments)} ended with {result.returncode}:\n{result.stderr or result.stdout}"
        )
    return result.stdout
