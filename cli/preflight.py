"""The checks before any change: pure functions of facts. Each gives the problem and the remedy in one line."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from cli.settings import PORTS, SHARED_FILES, SHARED_FOLDERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from cli.machine import Checkout, Docker, System, Version

GIB = 2**30
NEEDED_MEMORY = 2 * GIB
NEEDED_DISK = 5 * GIB
#: Enough to keep running after the images were built.
NEEDED_DISK_RUNNING = GIB
OLDEST_ENGINE: Version = (25, 0)
OLDEST_COMPOSE: Version = (2, 26)
HIGHEST_PORT = 65535

#: The systems on which the Ansible role installs Docker.
INSTALLABLE = {("debian", "12"), ("debian", "13"), ("ubuntu", "22.04"), ("ubuntu", "24.04")}
WANTED = "Docker Engine 25 or newer with Compose 2.26 or newer and Buildx"


class State(enum.Enum):
    """The result of a check."""

    OK = "ok"
    REPAIR = "repair"
    FAILED = "FAILED"


class Repair(enum.Enum):
    """The repairs that ``./stack up`` can make by itself."""

    INSTALL_DOCKER = "install Docker"
    START_DOCKER = "start Docker"
    MAKE_BASE_IMAGE = "make the base image"


@dataclass(frozen=True)
class Check:
    """One line of the preflight."""

    name: str
    state: State
    text: str
    repair: Repair | None = None


def ok(name: str, text: str) -> Check:
    """Return a check that has passed."""
    return Check(name, State.OK, text)


def failed(name: str, problem: str, way_out: str) -> Check:
    """Return a check with a problem that the user has to solve."""
    return Check(name, State.FAILED, f"{problem}: {way_out}")


def repairable(name: str, text: str, repair: Repair) -> Check:
    """Return a check with a problem that ``up`` repairs by itself."""
    return Check(name, State.REPAIR, text, repair)


def system(system: System) -> Check:
    """Check the operating system: containers need Linux, or a Docker that includes one."""
    if system.kernel in {"Linux", "Darwin"}:
        return ok("system", system.name)
    return failed("system", f"{system.kernel} is not supported", "use Linux, macOS, or WSL 2 on Windows")


def memory(available: int | None, *, running: bool) -> Check:
    """Check the available memory; a running stack has its memory already."""
    if available is None:
        return ok("memory", "not told by this system; Docker needs 2 GiB")
    if running or available >= NEEDED_MEMORY:
        return ok("memory", f"{available / GIB:.1f} GiB available")
    way_out = "close programs, add swap, or give the machine more"
    return failed("memory", f"{available / GIB:.1f} GiB available, the stack needs 2 GiB", way_out)


def disk(free: int, folder: Path, *, running: bool) -> Check:
    """Check the disk for images and volumes."""
    needed = NEEDED_DISK_RUNNING if running else NEEDED_DISK
    if free >= needed:
        return ok("disk", f"{free / GIB:.0f} GiB free at {folder}")
    way_out = "free some; `docker system df` shows what Docker holds, `docker builder prune` empties its build cache"
    return failed("disk", f"{free / GIB:.1f} GiB free at {folder}, needed are {needed // GIB} GiB", way_out)


def ports(wanted: Mapping[str, str], own: set[int], taken: Mapping[int, str]) -> list[Check]:
    """Check the ports that the stack publishes.

    Args:
        wanted: each variable's value, as text.
        own: ports that the running stack itself uses.
        taken: ports that another program uses, and the container's name if it is a container.
    """
    checks = []
    seen: dict[int, str] = {}
    for variable, text in wanted.items():
        port = port_number(text)
        if port is None:
            checks.append(failed("port", f"{variable} is {text!r}", f"set a number from 1 to {HIGHEST_PORT}"))
        elif port in seen:
            checks.append(failed("port", f"{variable} and {seen[port]} are both {port}", "give each a port of its own"))
        elif port in taken and port not in own:
            holder = f"container {taken[port]}" if taken[port] else "another program"
            free = port + 10000 if port + 10000 <= HIGHEST_PORT else port - 10000
            choose = f"stop it, or choose another: {variable}={free} ./stack up (or the same line in .env)"
            checks.append(failed("port", f"{port} ({PORTS[variable][1]}) is taken by {holder}", choose))
        if port is not None:
            seen.setdefault(port, variable)
    return checks or [ok("ports", ", ".join(str(port) for port in seen))]


def variables(unread: Sequence[str], known: Iterable[str]) -> list[Check]:
    """Check the variables in ``.env``; on servers an unknown variable is refused too.

    Args:
        unread: unknown variables, which nothing reads.
        known: the known variables.
    """
    checks = []
    for name in unread:
        similar = get_close_matches(name, sorted(known), n=1)
        meant = f" (did you mean {similar[0]}?)" if similar else ""
        way_out = "correct or remove the line; .env.example has every variable"
        checks.append(failed("variable", f"{name} in .env is read by nothing{meant}", way_out))
    return checks


def port_number(text: str) -> int | None:
    """Return ``text`` as a port, if it is one."""
    return int(text) if text.isascii() and text.isdigit() and 0 < int(text) <= HIGHEST_PORT else None


def docker(docker: Docker, system: System, *, root: bool, may_install: bool) -> Check:
    """Check that Docker is installed, new enough and running; if not, whether ``up`` may repair that.

    Args:
        docker: the state of Docker.
        system: the operating system, which decides whether the role can install Docker.
        root: whether becoming root is possible.
        may_install: whether the user can be asked, or has agreed beforehand.
    """
    if docker.refused:
        grant = 'sudo usermod --append --groups docker "$USER"'
        return failed("docker", "your user may not talk to the daemon", f"run `{grant}`, or sudo ./stack up")
    if not docker.answers and docker.elsewhere:
        return failed(
            "docker", f"{docker.elsewhere} does not answer", "start it, or choose another: docker context use"
        )
    if not docker.answers and not (docker.client and docker.daemon):
        return installable("not installed", system, root=root, may_install=may_install)
    lacking = outdated(docker)
    if not lacking:
        return running(docker, root=root)
    if docker.elsewhere or docker.package != "docker.io":
        return failed("docker", f"{lacking}, and it is not the distribution's own", upgrade(docker))
    return installable(f"{lacking}; running containers will stop", system, root=root, may_install=may_install)


def running(docker: Docker, *, root: bool) -> Check:
    """Check that a Docker that is new enough runs; if not, whether it can be started.

    Args:
        docker: the state of Docker.
        root: whether becoming root is possible.
    """
    if docker.answers:
        return ok("docker", f"Engine {dotted(docker.engine)}, Compose {dotted(docker.compose)}, Buildx")
    if root:
        return repairable("docker", "installed but stopped: will be started", Repair.START_DOCKER)
    return failed("docker", "installed but stopped", "start it as root (there is no sudo here)")


def outdated(docker: Docker) -> str:
    """Return the parts of Docker that are missing or too old."""
    engine = docker.engine or docker.client
    parts = (
        ("Engine", engine, OLDEST_ENGINE),
        ("Compose", docker.compose, OLDEST_COMPOSE),
        ("Buildx", docker.buildx, (0, 0)),
    )
    problems = [
        f"no {name}" if has is None else f"{name} {dotted(has)} is older than {dotted(needed)}"
        for name, has, needed in parts
        if has is None or has < needed
    ]
    return ", ".join(problems)


def upgrade(docker: Docker) -> str:
    """Return how to update a Docker that is not the distribution's."""
    if docker.package == "docker-ce":
        return "sudo apt-get install docker-ce docker-ce-cli docker-compose-plugin docker-buildx-plugin"
    return "update Docker Desktop" if docker.elsewhere == "Docker Desktop" else "update it where it came from"


def installable(problem: str, system: System, *, root: bool, may_install: bool) -> Check:
    """Return a check that says whether ``up`` installs Docker itself, or what the user has to do."""
    if system.kernel == "Darwin":
        return failed("docker", problem, "install Docker Desktop or a like, start it, and run ./stack up again")
    if (system.distribution, system.version) not in INSTALLABLE:
        return failed(
            "docker", problem, f"install {WANTED}; ./stack does it on Debian 12 and 13, Ubuntu 22.04 and 24.04"
        )
    if not root:
        return failed("docker", problem, "run ./stack up as root, or install sudo")
    if not may_install:
        return failed("docker", problem, "./stack up --yes installs it (nobody can be asked: there is no terminal)")
    return repairable("docker", f"{problem}: will be installed with apt", Repair.INSTALL_DOCKER)


def base_image(image: str, registry: str, mirror: str) -> Check:
    """Check the sources of a base image that is not on this machine yet.

    Args:
        image: its name.
        registry: the registry's problem, if it has one.
        mirror: the Debian mirror's problem, if it has one.
    """
    if not registry:
        return repairable("base image", f"{image} will be pulled", Repair.MAKE_BASE_IMAGE)
    if not mirror:
        text = f"no registry answers ({registry}): will be made from the Debian mirror"
        return repairable("base image", text, Repair.MAKE_BASE_IMAGE)
    way_out = "fix the network, set http_proxy and https_proxy, or name a mirror that answers in DEBIAN_MIRROR"
    return failed("base image", f"no way to get {image} (registry: {registry}; Debian mirror: {mirror})", way_out)


def source(name: str, address: str, problem: str, way_out: str) -> Check:
    """Check a source of packages for builds.

    Args:
        name: the kind of source.
        address: its address.
        problem: why it does not answer; empty if it does.
        way_out: the remedy.
    """
    return (
        failed(name, f"{address} does not answer ({problem})", way_out) if problem else ok(name, f"{address} answers")
    )


def checkout(files: Checkout) -> list[Check]:
    """Check that containers, which run Linux and as other users, can use the files."""
    problems = (
        (
            files.foreign,
            "end their lines as Windows does (CRLF)",
            "git ls-files -z | xargs -0 grep -lIZP '\\r$' | xargs -0 sed -i 's/\\r$//'",
        ),
        (
            files.unreadable,
            "are not readable by others",
            f"chmod -R go+rX {' '.join((*SHARED_FOLDERS, *SHARED_FILES))} (and check your umask)",
        ),
        (
            files.inert,
            "are scripts that may not be executed",
            f"grep -rlI '^#!' {' '.join(SHARED_FOLDERS)} | xargs chmod +x",
        ),
    )
    found = [
        failed("files", f"{len(paths)} {problem}, such as {paths[0]}", way_out)
        for paths, problem, way_out in problems
        if paths
    ]
    return found or [ok("files", "as containers need them")]


def dotted(version: Version | None) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version)) if version else "none"
