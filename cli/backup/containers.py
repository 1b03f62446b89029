"""The commands that act on the repository of backups, as argument lists; this module runs no program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.compose import START_DEADLINE, compose

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: The service of the repository, and its profile.
SERVICE = "backup"
#: Where the repository and the files are in a container.
REPOSITORY, FILES = "/var/lib/backup", "/files"
#: Services whose data belongs to the time before a restore: the outbox in PostgreSQL has all tasks.
EMPTIED = ("rabbitmq", "redis", "redis-cache")
#: Backing services that a restore stops last.
DATABASE = "postgres"

_HARDENED = (
    *("docker", "run", "--rm", "--interactive", "--init", "--pull=never", "--network=none", "--read-only"),
    *("--tmpfs=/tmp:size=64m,mode=1777", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"),
)
#: Runs a command in the container of a Swarm's service on this host: SERVICE COMMAND [ARGUMENT...]
_INSIDE = 'exec docker exec --interactive "$(docker ps --quiet --filter label=com.docker.swarm.service.name="$0")" "$@"'
#: Where a server keeps the secrets of services that read files of the host.
HOST_SECRETS = "/etc/landfast/secrets"
_READS, _WRITES = ("DAC_READ_SEARCH",), ("CHOWN", "DAC_OVERRIDE", "FOWNER")


@dataclass(frozen=True)
class Place:
    """The names of a stack's images and volumes.

    Args:
        images: service -> image.
        volumes: name in the Compose files -> name in Docker, or a folder of the host.
        repository: the volume with the repository, or its folder.
        stack: the stack's name in Swarm; empty if Compose runs it.
    """

    images: Mapping[str, str]
    volumes: Mapping[str, str]
    repository: str
    stack: str = ""

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Place:
        """Return the names in ``docker compose config`` with all profiles."""
        volumes = {name: entry["name"] for name, entry in config["volumes"].items()}
        mounts = config["services"][SERVICE]["volumes"]
        source = next(each["source"] for each in mounts if each["target"] == REPOSITORY)
        images = {name: config["services"][name]["image"] for name in (SERVICE, DATABASE)}
        return cls(images, volumes, volumes.get(source, source))

    def secrets(self) -> str:
        """Return the option that mounts the repository's secrets."""
        if self.stack:
            return f"--volume={HOST_SECRETS}/{SERVICE}:/run/secrets:ro"
        volume = self.volumes["service-secrets"]
        return f"--mount=type=volume,source={volume},target=/run/secrets,readonly,volume-subpath={SERVICE}"


def engine(place: Place, *arguments: str) -> list[str]:
    """Return the command that asks the engine about the repository: see images/postgres/engine."""
    mounts = (place.secrets(), f"--volume={place.repository}:{REPOSITORY}:ro")
    return [*_HARDENED, "--memory=256m", *mounts, "--entrypoint=engine", place.images[SERVICE], *arguments]


def files(
    place: Place,
    *arguments: str,
    volumes: Iterable[str] = (),
    restores: bool = False,
    reads: bool = False,
    samples: bool = False,
) -> list[str]:
    """Return the command that runs ``files`` in a container: see images/backup/files.

    It is root, because the files of applications belong to other users, with the capabilities that it needs and without
    a network.

    Args:
        place: the names of this stack.
        arguments: its verb, and the verb's arguments.
        volumes: the volumes with the files, by their names in the Compose files.
        restores: whether it writes into them.
        reads: whether it only reads the repository.
        samples: the same, and it restores some files into a volume that is thrown away.
    """
    mode = "" if restores else ":ro"
    mounts = [f"--volume={place.volumes[name]}:{FILES}/{name}{mode}" for name in volumes]
    mounts += ["--mount=type=volume,target=/sample"] if samples else []
    repository = f"--volume={place.repository}:{REPOSITORY}{':ro' if reads or samples else ''}"
    owns = restores or samples or "prepare" in arguments
    capabilities = [f"--cap-add={name}" for name in (*_READS, *(_WRITES if owns else ()))]
    options = ("--user=0:0", "--memory=512m", "--pids-limit=128", *capabilities, place.secrets(), repository, *mounts)
    return [*_HARDENED, *options, "--entrypoint=files", place.images[SERVICE], *arguments]


def drill(place: Place, arguments: Sequence[str]) -> list[str]:
    """Return the command that restores a backup into a container without a network, which is thrown away.

    Args:
        place: the names of this stack.
        arguments: the backup, and the end of the recovery.
    """
    mounts = (
        "--mount=type=volume,target=/var/lib/postgresql/data",
        place.secrets(),
        f"--volume={place.repository}:{REPOSITORY}:ro",
    )
    limits = ("--memory=512m", "--pids-limit=256")
    return [*_HARDENED, *limits, *mounts, "--entrypoint=restore", place.images[DATABASE], "drill", *arguments]


def make_repository() -> list[str]:
    """Return the command that makes the repository's container and its volumes, without a start."""
    return compose(f"--profile={SERVICE}", "up", "--no-start", "--no-build", "--no-deps", SERVICE)


def start_repository() -> list[str]:
    """Return the command that starts the repository's container, which PostgreSQL sends its log to."""
    wait = ("--wait", "--wait-timeout", str(START_DEADLINE))
    return compose(f"--profile={SERVICE}", "up", "--detach", "--no-build", "--no-deps", *wait, SERVICE)


def stop_repository() -> list[str]:
    """Return the command that removes the repository's container; the repository stays."""
    return compose(f"--profile={SERVICE}", "rm", "--stop", "--force", SERVICE)


def at_repository(place: Place, *command: str) -> list[str]:
    """Return the command that runs ``command`` in the repository's container."""
    if place.stack:
        return ["sh", "-c", _INSIDE, f"{place.stack}_{SERVICE}", *command]
    return compose(f"--profile={SERVICE}", "exec", "-T", SERVICE, *command)


def at_database(place: Place, *command: str) -> list[str]:
    """Return the command that runs ``command`` in PostgreSQL's container."""
    if place.stack:
        return ["sh", "-c", _INSIDE, f"{place.stack}_{DATABASE}", *command]
    return compose("exec", "-T", DATABASE, *command)


def restore_database(place: Place, *arguments: str) -> list[str]:
    """Return the command that restores the database while its service is stopped: see images/postgres/restore.

    No container can join a Swarm's networks by hand: on a server it has the repository itself.
    """
    if place.stack:
        mounts = (
            f"--volume={place.volumes[DATABASE]}:/var/lib/postgresql/data",
            place.secrets(),
            f"--volume={place.repository}:{REPOSITORY}",
        )
        limits = ("--memory=1g", "--pids-limit=256")
        return [*_HARDENED, *limits, *mounts, "--entrypoint=restore", place.images[DATABASE], *arguments]
    return compose("run", "--rm", "--no-deps", "-T", "--entrypoint=restore", DATABASE, *arguments)


def stop_services(services: Sequence[str]) -> list[str]:
    """Return the command that stops services."""
    return compose("stop", *services)


def remove_volumes(names: Iterable[str]) -> list[str]:
    """Return the command that removes volumes, those that do not exist included."""
    return ["docker", "volume", "rm", "--force", *names]
