"""A separate repository for tests that deploy commits, so that they do not change this work tree."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.checkout import copy_checkout
from tests.support.stack import COMMAND
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.playbook import Inventory

AUTHOR = ("-c", "user.name=Landfast", "-c", "user.email=tests@landfast.test", "-c", "commit.gpgsign=false")


@dataclass(frozen=True)
class Checkout:
    """A repository whose commits are releases.

    Args:
        directory: its folder.
    """

    directory: Path

    @classmethod
    def create(cls, directory: Path) -> Checkout:
        """Make a repository from the files that are or would be committed here, in a new folder."""
        copy_checkout(directory)
        checkout = cls(directory)
        checkout._git("init", "--quiet")
        checkout.commit({})
        return checkout

    def commit(self, files: dict[str, str | bytes]) -> str:
        """Commit files and return the commit's name.

        Args:
            files: path from the root -> new content.
        """
        for path, content in files.items():
            file = self.directory / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content if isinstance(content, bytes) else content.encode())
        self._git("add", "--all")
        self._git("commit", "--quiet", "--message=Change for a test")
        return self._git("rev-parse", "HEAD")

    def read(self, path: str) -> str:
        """Return a file's content."""
        return (self.directory / path).read_text(encoding="utf-8")

    def forget(self, commits: int = 1) -> None:
        """Remove the last commits."""
        self._git("reset", "--quiet", "--hard", f"HEAD~{commits}")

    def _git(self, *words: str) -> str:
        command = ["git", *AUTHOR, *words]
        run = subprocess.run(
            command, cwd=self.directory, check=True, capture_output=True, text=True, timeout=PATIENCE * COMMAND
        )
        return run.stdout.strip()


_BROKEN_MIGRATION = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("news", "{latest}")]
    operations = [migrations.RunSQL("SELECT 1/0")]
"""


def broken_migration(checkout: Checkout) -> dict[str, str | bytes]:
    """Return a migration that fails, to commit in ``checkout``."""
    folder = checkout.directory / "services/web-django/news/migrations"
    latest = max(file.stem for file in folder.glob("[0-9]*.py"))
    return {"services/web-django/news/migrations/9999_broken.py": _BROKEN_MIGRATION.format(latest=latest)}


def another_port(checkout: Checkout) -> dict[str, str | bytes]:
    """Return files of a release that calls its API at another port; the API still listens for the former Nginx as well.

    Args:
        checkout: the checkout with the API.
    """
    compose, listening = "services/api-flask/compose.yaml", "services/api-flask/uwsgi.ini"
    old, new = ":8000", ":8001"
    assert old in checkout.read(compose)
    socket = f"http-socket = {old}\n"
    assert socket in checkout.read(listening)
    return {
        compose: checkout.read(compose).replace(old, new),
        listening: checkout.read(listening).replace(socket, f"{socket}http-socket = {new}\n"),
    }


def every_image(checkout: Checkout, word: str) -> dict[str, str | bytes]:
    """Return Dockerfiles whose images all differ from the previous ones by a label only.

    Args:
        checkout: the checkout with the Dockerfiles.
        word: the value of the label.
    """
    label = f'LABEL landfast.trial="{word}"\n'
    files = [checkout.directory / "nginx/Dockerfile"]
    files += [*checkout.directory.glob("services/*/Dockerfile"), *checkout.directory.glob("images/*/Dockerfile")]
    changed: dict[str, str | bytes] = {}
    for file in files:
        beginning, *stages = re.split(r"(?m)^(?=FROM )", file.read_text(encoding="utf-8"))
        stages = [f"{stage.rstrip()}\n{label}" for stage in stages]
        changed[str(file.relative_to(checkout.directory))] = beginning + "".join(stages)
    return changed


def running_release(site: Inventory, service: str = "web-django") -> str:
    """Return the release of the desired image of a service."""
    form = "{{.Spec.TaskTemplate.ContainerSpec.Image}}"
    image = site.managers[0].run("docker", "service", "inspect", "--format", form, f"landfast_{service}")
    found = re.search(rf"/{service}:([^@\s]+)", image)
    assert found, image
    return found[1]
