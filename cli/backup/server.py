"""The repository of a server, on the host that keeps the data: a laptop's steps, in the containers of a Swarm."""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cli import process
from cli.backup import containers
from cli.backup.containers import DATABASE, EMPTIED, SERVICE, Place
from cli.backup.repository import Repository, kept
from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

#: What to back up, written by each deploy: the stack's name, its repository, and its volumes by their contracts.
SETTINGS = Path("/etc/landfast/backups.json")
#: The images that ran last: the services of a stack that is stopped for a restore have no container to ask.
IMAGES = Path("/var/lib/landfast/backup-images.json")
#: Where a node exporter reads metrics, as from rollout/host.py.
METRICS = Path("/var/lib/landfast/metrics")
#: Seconds within which Swarm removes the containers of services without replicas, and between two looks.
REMOVAL, INTERVAL = 120.0, 0.5
#: Folders of the host that cannot be made again, or only with much work, by their names in a backup.
FOLDERS: Mapping[str, str] = {
    "secrets": "/etc/landfast/secrets",
    "certificates": "/etc/landfast/tls",
    "letsencrypt": "/etc/letsencrypt",
    "releases": "/var/lib/landfast/releases",
    "inventory": "/var/lib/landfast/inventory",
}


class ServerRepository(Repository):
    """The repository of a server, whose container is a service of the stack."""

    @classmethod
    def of_host(cls, settings: Path = SETTINGS, images: Path = IMAGES) -> ServerRepository:
        """Return the repository of this host.

        Args:
            settings: the file that a deploy has written.
            images: the file with the images that ran last.

        Raises:
            StackError: this host has no repository.
        """
        if not settings.exists():
            raise StackError("this host keeps no data", "backups are on landfast_state_host, since its first deploy")
        given = json.loads(settings.read_text(encoding="utf-8"))
        stack, wanted = given["stack"], given["volumes"]
        found = {name: there for name in (SERVICE, DATABASE) if (there := running_image(stack, name))}
        if len(found) == len((SERVICE, DATABASE)):
            images.write_text(json.dumps(found), encoding="utf-8")
        elif images.exists():
            found = json.loads(images.read_text(encoding="utf-8"))
        else:
            raise StackError("PostgreSQL and its repository have never run on this host", "playbooks/deploy.yml")
        names = {name for each in wanted.values() for name in each}
        volumes = {name: f"{stack}_{name}" for name in {*names, DATABASE, *EMPTIED}}
        folders = {name: path for name, path in FOLDERS.items() if Path(path).is_dir()}
        present = {file: [each for each in several if is_there(volumes[each])] for file, several in wanted.items()}
        place = Place(found, {**volumes, **folders}, given["repository"], stack)
        keep = kept(given["keep"]) if given.get("keep") else ()
        return cls(place, {**present, "hosts": list(folders)}, stays=True, keep=keep)

    def build(self, arguments: Sequence[str]) -> None:  # noqa: ARG002 - a laptop's command may start again
        """Prepare the repository: a deploy has brought its image.

        Raises:
            StackError: the repository cannot be prepared.
        """
        self.ask(containers.files(self.place, "prepare"), "the repository cannot be prepared")

    def publish(self, name: str, metrics: Mapping[str, float]) -> None:
        """Write metrics into a file of the repository, and into the host's folder for its node exporter.

        Raises:
            StackError: the repository cannot be written.
        """
        super().publish(name, metrics)
        METRICS.mkdir(parents=True, exist_ok=True)
        temporary = METRICS / f".{name}.new"
        temporary.write_text("".join(f"{metric} {value}\n" for metric, value in metrics.items()), encoding="utf-8")
        temporary.replace(METRICS / f"{name}.prom")

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the block: the repository's container runs always.

        Raises:
            StackError: it does not run.
        """
        if not running_image(self.place.stack, SERVICE):
            raise StackError("the service backup does not run", f"docker service ps {self.place.stack}_{SERVICE}")
        yield


def has_run(settings: Path = SETTINGS, images: Path = IMAGES) -> bool:
    """Return whether a release with a repository of backups has ever run on this host."""
    if not settings.exists():
        return False
    stack = json.loads(settings.read_text(encoding="utf-8"))["stack"]
    return images.exists() or bool(running_image(stack, SERVICE))


def prepare(image: str, settings: Path = SETTINGS) -> None:
    """Prepare the repository for a first deploy, before its service starts.

    Args:
        image: the image of the repository, by its digest.
        settings: the file that the deploy has written.

    Raises:
        StackError: the repository cannot be prepared.
    """
    given = json.loads(settings.read_text(encoding="utf-8"))
    place = Place({SERVICE: image}, {}, given["repository"], given["stack"])
    repository = ServerRepository(place, {}, stays=True)
    if process.capture(["docker", "image", "inspect", image]).code != 0:
        repository.ask(["docker", "pull", "--quiet", image], "the image of the backups cannot be pulled")
    repository.build(())


def remove_volumes(repository: Repository, names: Sequence[str]) -> None:
    """Remove volumes of services that have been stopped; Swarm removes their containers a little later.

    Raises:
        StackError: a container still uses one of them.
    """
    deadline = time.monotonic() + REMOVAL
    while names and process.capture(containers.remove_volumes(names)).code != 0:
        if time.monotonic() > deadline:
            repository.ask(containers.remove_volumes(names), "the broker and the results cannot be emptied")
        time.sleep(INTERVAL)


def running_image(stack: str, service: str) -> str:
    """Return the image of a service's container on this host; empty if none runs."""
    name = f"label=com.docker.swarm.service.name={stack}_{service}"
    return process.capture(["docker", "ps", "--no-trunc", "--filter", name, "--format", "{{.Image}}"]).stdout.strip()


def is_there(volume: str) -> bool:
    """Return whether a volume exists: Docker would make one that is only named."""
    return process.capture(["docker", "volume", "inspect", volume]).code == 0
