"""The repository of backups: runs its commands, and its container while one of them needs it."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cli import compose, process
from cli.backup import catalogue, containers
from cli.console import Phases, StackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from cli.backup.catalogue import Backup, Snapshot
    from cli.backup.containers import Place

#: The settings for the number of full backups that stay and for their age in days -> the least valid value.
KEEP = {"BACKUP_KEEP_FULL": 1, "BACKUP_KEEP_DAYS": 0}
#: Seconds for one command: a large backup takes hours.
LONG = 24 * 3600


@dataclass(frozen=True)
class Repository:
    """The repository of a stack.

    Args:
        place: the names of the stack's images and volumes.
        volumes: contract's file -> the volumes to back up, by their names in the Compose files.
        stays: whether the repository's container is part of the stack.
        keep: the least number of full backups that stay, and for how many days one can go back; if empty, the engine
            keeps the number in its own settings.
    """

    place: Place
    volumes: Mapping[str, Sequence[str]]
    stays: bool
    keep: tuple[int, ...] = ()

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
        return cls(
            place, volumes, containers.SERVICE in active, kept(config["services"][containers.SERVICE]["environment"])
        )

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
        if process.run(compose.build(containers.SERVICE, containers.COPIER), env=environment) != 0:
            prepare.explain_build(settings)
            raise StackError("the image for backups could not be built", "fix Docker's error above, and try again")
        self.ask(compose.secret_changes(), "the secrets cannot be written")
        self.ask(containers.make_repository(), "the repository's volume cannot be made")
        if self.place.elsewhere:
            check = containers.copy(self.place, "check", checks=True)
            self.ask(check, "the second place for backups is not set up", remedy="docs/how-to/backups.md")
        self.ask(containers.files(self.place, "prepare"), "the repository cannot be prepared")

    def copy(self, verb: str) -> None:
        """Copy the repository elsewhere, in the copier's container if it runs: two would be in each other's way.

        Args:
            verb: see images/backup-elsewhere/elsewhere.

        Raises:
            StackError: the place is away, full, of another stack, or refuses the key.
        """
        runs = process.capture(containers.running_copier()).stdout.strip()
        command = containers.at_copier(verb) if runs else containers.copy(self.place, verb)
        problem = f"the backups could not be copied to {self.place.elsewhere}"
        self.ask(
            command,
            problem,
            remedy="those here are whole; docs/runbooks/backup-not-elsewhere.md, then ./stack backup again",
        )

    def fetch(self) -> None:
        """Copy everything from elsewhere into the repository here, which must have no backup.

        Raises:
            StackError: the place is away, or has nothing.
        """
        fetched = containers.copy(self.place, "fetch", fetches=True)
        problem = f"the backups cannot be fetched from {self.place.elsewhere}"
        self.ask(fetched, problem, remedy="the same command goes on where it ended")
        self.ask(containers.files(self.place, "prepare"), "the repository cannot be prepared")

    @contextmanager
    def fetched(self) -> Iterator[Repository]:
        """Give a copy of what is elsewhere, in a volume that is thrown away afterwards.

        Raises:
            StackError: the place is away, or has nothing.
        """
        volume = self.ask(containers.make_volume(), "a volume for the copy cannot be made").strip()
        copy = replace(self, place=replace(self.place, repository=volume))
        try:
            copy.fetch()
            yield copy
        finally:
            process.capture(containers.remove_volumes([volume]))

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
        # It may have started before the passphrase of a recovery kit was set.
        configure = containers.at_repository(self.place, "engine", "configure")
        self.ask(configure, "the repository's settings cannot be written")
        try:
            yield
        finally:
            if not self.stays:
                process.capture(containers.at_repository(self.place, "rm", "-f", "/run/landfast-backup/on"))
                process.capture(containers.at_database(self.place, "archiving", "apply"))
                process.capture(containers.stop_repository(), timeout=LONG)


def kept(settings: Mapping[str, str]) -> tuple[int, int]:
    """Return the least number of full backups that stay, and the days.

    Raises:
        StackError: a setting is no number.
    """
    found = []
    for name, least in KEEP.items():
        if not re.fullmatch(r"\d{1,4}", settings[name]) or int(settings[name]) < least:
            raise StackError(f"{name} is {settings[name]!r}", f"set a whole number, {least} or more, in .env")
        found.append(int(settings[name]))
    return found[0], found[1]
