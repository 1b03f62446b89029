"""The commands that act on the repository of backups, as argument lists; this module runs no program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cli.compose import START_DEADLINE, compose

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: The service of the repository, and its profile.
SERVICE = "backup"
#: The service that copies the repository elsewhere, and its network.
COPIER, OUTSIDE = "backup-elsewhere", "backup-egress"
#: Where the repository and the files are in a container.
REPOSITORY, FILES = "/var/lib/backup", "/files"
#: Services whose data belongs to the time before a restore: the outbox in PostgreSQL has all tasks.
EMPTIED = ("rabbitmq", "redis", "redis-cache")
#: Backing services that a restore stops last.
DATABASE = "postgres"

_RUN = (
    *("docker", "run", "--rm", "--interactive", "--init", "--pull=never", "--read-only"),
    *("--tmpfs=/tmp:size=64m,mode=1777", "--cap-drop=ALL", "--security-opt=no-new-privileges:true"),
)
_HARDENED = (*_RUN, "--network=none")
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
        elsewhere: the address of the second place; empty if there is none.
        outside: the network that leads there, by its name in Docker.
        copier: the settings of the copier, which have the address.
    """

    images: Mapping[str, str]
    volumes: Mapping[str, str]
    repository: str
    stack: str = ""
    elsewhere: str = ""
    outside: str = ""
    copier: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Place:
        """Return the names in ``docker compose config`` with all profiles."""
        volumes = {name: entry["name"] for name, entry in config["volumes"].items()}
        mounts = config["services"][SERVICE]["volumes"]
        source = next(each["source"] for each in mounts if each["target"] == REPOSITORY)
        images = {name: config["services"][name]["image"] for name in (SERVICE, COPIER, DATABASE)}
        copier = config["services"][COPIER]["environment"]
        outside = config["networks"][OUTSIDE]["name"]
        repository = volumes.get(source, source)
        return cls(images, volumes, repository, elsewhere=copier["BACKUP_ELSEWHERE"], outside=outside, copier=copier)

    def secrets(self, service: str = SERVICE) -> str:
        """Return the option that mounts the secrets of a service; without one, those of the repository."""
        if self.stack:
            return f"--volume={HOST_SECRETS}/{service}:/run/secrets:ro"
        volume = self.volumes["service-secrets"]
        return f"--mount=type=volume,source={volume},target=/run/secrets,readonly,volume-subpath={service}"


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
    options = (
        "--user=0:10007",
        "--memory=512m",
        "--pids-limit=128",
        *capabilities,
        place.secrets(),
        repository,
        *mounts,
    )
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


def copy(place: Place, verb: str, *, fetches: bool = False, checks: bool = False) -> list[str]:
    """Return the command that copies the repository, in a container of its own: see images/backup-elsewhere/elsewhere.

    Args:
        place: the names of this stack.
        verb: what to do.
        fetches: whether it writes into the repository here: as root, because other users' files are there.
        checks: whether it only checks settings, and needs no network.
    """
    network = "none" if checks else place.outside
    rights = ("--user=0:10007", *(f"--cap-add={name}" for name in _WRITES)) if fetches else ()
    mounts = (place.secrets(COPIER), f"--volume={place.repository}:{REPOSITORY}{'' if fetches else ':ro'}")
    settings = [f"--env={name}={value}" for name, value in sorted(place.copier.items())]
    options = (f"--network={network}", "--memory=384m", "--pids-limit=128", *rights, *mounts, *settings)
    return [*_RUN, *options, "--entrypoint=elsewhere", place.images[COPIER], verb]


def at_copier(verb: str) -> list[str]:
    """Return the command that copies the repository elsewhere in the running container of the service."""
    return compose(f"--profile={SERVICE}", "exec", "-T", COPIER, "elsewhere", verb)


def running_copier() -> list[str]:
    """Return the command that prints the id of the copier's running container, if there is one."""
    return compose(f"--profile={SERVICE}", "ps", "--quiet", "--status=running", COPIER)


def make_repository() -> list[str]:
    """Return the command that makes the containers of the repository, their volumes and networks, without a start."""
    return compose(f"--profile={SERVICE}", "up", "--no-start", "--no-build", "--no-deps", SERVICE, COPIER)


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


def make_volume() -> list[str]:
    """Return the command that makes a volume, and prints its name."""
    return ["docker", "volume", "create"]


def remove_volumes(names: Iterable[str]) -> list[str]:
    """Return the command that removes volumes, those that do not exist included."""
    return ["docker", "volume", "rm", "--force", *names]
