"""Removes the leftovers of killed test runs at the start of the next run."""

from __future__ import annotations

import os

from cli import cache
from tests.support.stack import LABEL, PREFIX, docker


def remove_leftovers() -> None:
    """Remove the stacks of test runs whose process is gone; stacks of running ones are left alone."""
    with cache.locked("leftovers"):  # suites side by side must not remove the same objects
        for project in sorted(_projects()):
            owner = project.removeprefix(PREFIX).partition("-")[0]
            if not (owner.isdigit() and _alive(int(owner))):
                remove_project(project)


def remove_project(project: str) -> None:
    """Remove all objects with a project's label, because no Compose file may describe them any more."""
    mine = f"label={LABEL}={project}"
    for listing, removal in (
        (("ps", "--all"), ("rm", "--force", "--volumes")),
        (("network", "ls"), ("network", "rm")),
        (("volume", "ls"), ("volume", "rm", "--force")),
    ):
        found = docker(*listing, "--quiet", "--filter", mine).split()
        if found:
            docker(*removal, *found)
    images = _images(f"{project}/*")
    if images:
        docker("rmi", "--force", *images)


def _images(pattern: str) -> list[str]:
    return docker("images", "--format={{.Repository}}", f"--filter=reference={pattern}").split()


def _projects() -> set[str]:
    found: set[str] = set()
    for listing in (("ps", "--all"), ("network", "ls"), ("volume", "ls")):
        labels = docker(*listing, "--filter", f"label={LABEL}", "--format", '{{.Label "' + LABEL + '"}}')
        found |= {name for name in labels.split() if name.startswith(PREFIX)}
    return found | {image.partition("/")[0] for image in _images(f"{PREFIX}*/*")}


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
