"""Facts about this machine and its Docker, collected without any change; ``cli.preflight`` checks them."""

from __future__ import annotations

import getpass
import grp
import json
import os
import platform
import re
import shutil
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli import compose, process
from cli.settings import ROOT, SHARED_FILES, SHARED_FOLDERS

Version = tuple[int, int]

#: A PATH with the daemons' folders, which a user's own PATH often lacks.
SYSTEM_PATH = f"{os.environ.get('PATH', os.defpath)}{os.pathsep}/usr/sbin{os.pathsep}/sbin"
#: Folders that never get into a container.
UNSHARED = {"node_modules", "__pycache__", ".venv"}
#: Bytes of a script's first line that are read.
LONGEST_LINE = 256


@dataclass(frozen=True)
class System:
    """The operating system."""

    kernel: str
    distribution: str = ""
    version: str = ""
    codename: str = ""
    name: str = ""

    @classmethod
    def read(cls) -> System:
        """Read ``/etc/os-release`` if there is one."""
        try:
            text = Path("/etc/os-release").read_text(encoding="utf-8")
        except OSError:
            return cls(platform.system(), name=platform.platform())
        fields = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', text, re.MULTILINE))
        return cls(
            platform.system(),
            fields.get("ID", ""),
            fields.get("VERSION_ID", ""),
            fields.get("VERSION_CODENAME", ""),
            fields.get("PRETTY_NAME", ""),
        )


@dataclass(frozen=True)
class Docker:
    """The state of Docker on this machine.

    Args:
        client: the command line's version, if it is installed.
        engine: the daemon's version, if it answers.
        compose: the Compose plugin's version.
        buildx: the Buildx plugin's version.
        daemon: whether ``dockerd`` is installed here.
        package: its Debian package: ``docker.io``, ``docker-ce`` or none.
        elsewhere: the place of the client's daemon, if that is not this machine's own.
        problem: the client's error when the daemon does not answer.
        info: ``docker info``.
    """

    client: Version | None = None
    engine: Version | None = None
    compose: Version | None = None
    buildx: Version | None = None
    daemon: bool = False
    package: str = ""
    elsewhere: str = ""
    problem: str = ""
    info: dict[str, Any] | None = None

    @property
    def answers(self) -> bool:
        """Whether the daemon can be used."""
        return self.engine is not None

    @property
    def refused(self) -> bool:
        """Whether the daemon runs but this user may not talk to it."""
        return "permission denied" in self.problem.lower()

    @property
    def data_root(self) -> Path:
        """The daemon's folder of images and volumes; the default folder while the daemon does not answer."""
        return Path((self.info or {}).get("DockerRootDir") or "/var/lib/docker")

    @property
    def has_registry_mirror(self) -> bool:
        """Whether the daemon has a registry mirror, so that the registry itself need not answer."""
        return bool(((self.info or {}).get("RegistryConfig") or {}).get("Mirrors"))

    @classmethod
    def inspect(cls) -> Docker:
        """Ask the client, the daemon, the plugins and dpkg, all at once."""
        if shutil.which("docker") is None:
            return cls(daemon=has_daemon())
        questions = {
            "version": compose.DOCKER_VERSION,
            "info": compose.DOCKER_INFO,
            "context": compose.DOCKER_CONTEXT,
            "compose": compose.COMPOSE_VERSION,
            "buildx": compose.BUILDX_VERSION,
            "package": ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n", "docker*"],
        }
        with ThreadPoolExecutor(len(questions)) as pool:
            answers = dict(zip(questions, pool.map(process.capture, questions.values())))
        versions = parse_json(answers["version"].stdout)
        server = versions.get("Server") or {}
        packages = re.findall(r"^installed (docker-ce|docker\.io)$", answers["package"].stdout, re.MULTILINE)
        info = parse_json(answers["info"].stdout)
        return cls(
            client=parse_version((versions.get("Client") or {}).get("Version", "")),
            engine=parse_version(server.get("Version", "")),
            compose=parse_version(answers["compose"].stdout) if answers["compose"].code == 0 else None,
            buildx=parse_version(answers["buildx"].stdout) if answers["buildx"].code == 0 else None,
            daemon=has_daemon(),
            package=packages[0] if packages else "",
            elsewhere=whereabouts(answers["context"].stdout.strip(), info.get("OperatingSystem") or ""),
            problem="" if server else (answers["version"].stderr.strip() or "no answer").splitlines()[-1],
            info=info,
        )


def has_daemon() -> bool:
    """Return whether ``dockerd`` is installed."""
    return shutil.which("dockerd", path=SYSTEM_PATH) is not None


def whereabouts(context: str, operating_system: str) -> str:
    """Return the place of a daemon that is not this machine's own: another host, another context, Docker Desktop."""
    if os.environ.get("DOCKER_HOST"):
        return f"DOCKER_HOST={os.environ['DOCKER_HOST']}"
    if operating_system == "Docker Desktop":
        return operating_system
    return f"Docker context {context!r}" if context not in {"", "default"} else ""


def parse_json(text: str) -> dict[str, Any]:
    """Return the JSON object in ``text``, or an empty one."""
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def parse_version(text: str) -> Version | None:
    """Return the first dotted version in ``text`` as major and minor."""
    match = re.search(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None


def available_memory() -> int | None:
    """Return the bytes of memory that programs could still get, if the kernel reports them."""
    try:
        match = re.search(r"^MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"), re.MULTILINE)
    except OSError:
        return None
    return int(match[1]) * 1024 if match else None


def free_disk(folder: Path) -> int:
    """Return the free bytes of the disk that has ``folder``, or will have it."""
    while not folder.exists():
        folder = folder.parent
    try:
        return shutil.disk_usage(folder).free
    except PermissionError:
        return shutil.disk_usage(folder.parent).free


def port_is_free(port: int) -> bool:
    """Return whether nothing listens on ``port`` of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a connection in TIME_WAIT does not count
        try:
            probe.bind(("", port))
        except PermissionError:  # below 1024: only root may bind, as Docker does; so check whether a server answers
            with socket.socket() as client:
                return client.connect_ex(("127.0.0.1", port)) != 0
        except OSError:
            return False
    return True


def published_ports(project: str) -> set[int]:
    """Return the ports that the project's own running containers use."""
    listed = process.capture(compose.project_ports(project)).stdout
    return {int(port) for port in re.findall(r":(\d+)->", listed)}


def has_room_for_networks() -> bool:
    """Return whether Docker has an address range left for one more network: its default ranges hold some thirty."""
    name = f"landfast-probe-{os.getpid()}"
    made = process.capture(["docker", "network", "create", name])
    process.capture(["docker", "network", "rm", name])
    # "could not find an available, non-overlapping IPv4 address pool", "all predefined address pools have been fully …"
    return made.code == 0 or "address pool" not in made.stderr


def container_on(port: int) -> str:
    """Return the name of the container that uses ``port``, if there is one."""
    return process.capture(compose.port_holder(port)).stdout.strip().replace("\n", ", ")


@dataclass(frozen=True)
class Checkout:
    """Files of this checkout that containers cannot use.

    Args:
        unreadable: files that only the owner may read (a umask of 077 makes such files).
        foreign: scripts with Windows line endings (Git on Windows writes them without ``.gitattributes``).
        inert: scripts that are not executable (some archives lose the mode).
    """

    unreadable: tuple[Path, ...] = ()
    foreign: tuple[Path, ...] = ()
    inert: tuple[Path, ...] = ()

    @classmethod
    def inspect(cls, root: Path = ROOT) -> Checkout:
        """Check all files that images contain or containers mount; the paths are relative to ``root``."""
        single = [root / name for name in SHARED_FILES if (root / name).is_file()]
        unreadable, foreign, inert = [path for path in single if not path.stat().st_mode & 0o004], [], []
        for directory, folders, files in (walk for name in SHARED_FOLDERS for walk in os.walk(root / name)):
            folders[:] = [name for name in folders if name not in UNSHARED]
            paths = [Path(directory), *(Path(directory, name) for name in files)]
            modes = {path: path.lstat().st_mode for path in paths}
            needed = [0o005, *(0o004 for _ in files)]
            unreadable += [path for path, bits in zip(paths, needed) if modes[path] & bits != bits]
            scripts = {path: first for path in paths[1:] if (first := first_line(path)).startswith(b"#!")}
            foreign += [path for path, first in scripts.items() if first.endswith(b"\r\n")]
            inert += [path for path in scripts if not modes[path] & 0o100]
        return cls(*(tuple(path.relative_to(root) for path in found) for found in (unreadable, foreign, inert)))


def first_line(path: Path) -> bytes:
    """Return the first line of a file; empty if this user may not read it."""
    try:
        with path.open("rb") as file:
            return file.readline(LONGEST_LINE)
    except OSError:
        return b""


def belongs_to_docker_group() -> bool:
    """Return whether this user is a member of Docker's group, but this login session does not have the group yet."""
    try:
        group = grp.getgrnam("docker")
    except KeyError:
        return False
    return getpass.getuser() in group.gr_mem and group.gr_gid not in os.getgroups()
