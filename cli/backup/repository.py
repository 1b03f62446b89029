"""The repository of backups: runs its commands, and its container while one of them needs it."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli import compose, process
from cli.backup import catalogue, containers
from cli.console import Phases, StackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cli.backup.catalogue import Backup, Snapshot
    from cli.backup.containers import Place

#: Seconds for one command: a large backup takes hours.
LONG = 24 * 3600


@dataclass(frozen=True)
class Repository:
    """The repository of a stack.

    Args:
        place: the names of the stack's images and volumes.
        volumes: contract's file -> the volumes to back up, by their names in the Compose files.
        stays: whether the repository's container is part of the stack.
    """

    place: Place
    volumes: Mapping[str, Sequence[str]]
    stays: bool

    @classmethod
    def read(cls) -> Repository:
        """Return the repository of this checkout's stack.

        Raises:
            StackError: Compose's files or a contract cannot be read, or the stack was never started.
        """
        from cli.app import plan  # noqa: PLC0415 - the program on servers has this package alone

        config = plan.configuration(active=False)
        place = containers.Place.of(config)
        if process.capture(compose.volume_exists(place.volumes["service-secrets"])).code != 0:
            raise StackError("this stack has never been started", "./stack up starts it; then the same command again")
        volumes = {file: each.volumes for file, each in plan.read_all().items() if each.volumes}
        active = process.capture(compose.services()).stdout.split()
        return cls(place, volumes, containers.SERVICE in active)

    @property
    def all_volumes(self) -> list[str]:
        """The volumes of all contracts."""
        return [name for names in self.volumes.values() for name in names]

    def build(self, arguments: Sequence[str]) -> None:
        """Build the image of the repository, or take it from the builder's cache, and give it its secrets.

        Args:
            arguments: the arguments of ``./stack``, in case it has to start again.

        Raises:
            StackError: the machine is not ready, or the build failed.
        """
        from cli import prepare  # noqa: PLC0415 - as in read
        from cli.settings import Settings  # noqa: PLC0415 - as in read

        settings = Settings.read()
        environment = prepare.prepare(settings, Phases(), list(arguments), yes=False, ports=False)
        if process.run(compose.build(containers.SERVICE), env=environment) != 0:
            prepare.explain_build(settings)
            raise StackError("the image for backups could not be built", "fix Docker's error above, and try again")
        self.ask(compose.secret_changes(), "the secrets cannot be written")
        self.ask(containers.make_repository(), "the repository's volume cannot be made")
        self.ask(containers.files(self.place, "prepare"), "the repository cannot be prepared")

    def ask(self, command: Sequence[str], problem: str, given: str = "", remedy: str = "") -> str:
        """Run a command quietly and return its output.

        Raises:
            StackError: it failed; the message has ``problem`` and the command's own last lines.
        """
        output = process.capture(command, timeout=LONG, given=given)
        if output.code != 0:
            lines = (output.stderr or output.stdout).strip().splitlines()[-5:]
            raise StackError(f"{problem}: " + "\n  ".join(lines), remedy)
        return output.stdout

    def backups(self) -> list[Backup]:
        """Return the backups of PostgreSQL, the oldest first.

        Raises:
            StackError: the repository cannot be read.
        """
        return catalogue.backups(self.ask(containers.engine(self.place, "list"), "the backups cannot be listed"))

    def snapshots(self) -> list[Snapshot]:
        """Return the snapshots of files and the notes, the oldest first.

        Raises:
            StackError: the repository cannot be read.
        """
        command = containers.files(self.place, "list", reads=True)
        return catalogue.snapshots(self.ask(command, "the snapshots of files cannot be listed"))

    def note(self, content: object, *tags: str) -> None:
        """Keep a note beside the backups.

        Raises:
            StackError: the repository cannot be written.
        """
        command = containers.files(self.place, "note", *tags)
        self.ask(command, "a note about the backup cannot be written", given=json.dumps(content))

    def publish(self, name: str, metrics: Mapping[str, float]) -> None:
        """Write metrics in Prometheus' format into a file of the repository.

        Raises:
            StackError: the repository cannot be written.
        """
        text = "".join(f"{metric} {value}\n" for metric, value in metrics.items())
        self.ask(containers.files(self.place, "metrics", name), "the metrics cannot be written", given=text)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the repository's container in the block, and archive; afterwards as before.

        Raises:
            StackError: the container does not start.
        """
        if process.run(containers.start_repository()) != 0:
            raise StackError("the repository's container does not start", "./stack logs backup shows why")
        try:
            yield
        finally:
            if not self.stays:
                process.capture(containers.at_repository(self.place, "rm", "-f", "/run/landfast-backup/on"))
                process.capture(containers.at_database(self.place, "archiving", "apply"))
                process.capture(containers.stop_repository(), timeout=LONG)
