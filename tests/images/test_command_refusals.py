"""``./stack`` where it must not go on: it names the reason, changes nothing, and deletes only what was agreed to."""

from __future__ import annotations

import shutil
import socket
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.command import UP, run, volumes
from tests.support.leftovers import remove_project
from tests.support.stack import Ports, Stack, docker
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def test_down_deletes_the_data_of_those_who_agree(images: Stack) -> None:
    own = Stack(project=f"{images.project}-volume")
    own.take_images_of(images)
    try:
        # As Compose makes it, and without all networks of a project: Docker has few, and a user's stack may run.
        labels = (f"--label=com.docker.compose.{name}" for name in (f"project={own.project}", "volume=secrets"))
        docker("volume", "create", *labels, f"{own.project}_secrets")
        assert volumes(own)

        assert run(own, "down", "--volumes", "--yes").returncode == 0

        assert not volumes(own)
    finally:
        own.down()


def test_a_taken_port_is_named_before_anything_is_changed(images: Stack) -> None:
    with closing(socket.create_server(("0.0.0.0", 0))) as holder:  # noqa: S104 - takes the port as another server would
        taken = holder.getsockname()[1]
        free = Ports.free()
        own = Stack(project=f"{images.project}-taken", ports=Ports(http=taken, https=free.https, mail=free.mail))
        done = run(own, "up", "--yes")

    assert done.returncode != 0
    named = [line for line in done.stdout.splitlines() if str(taken) in line]
    assert len(named) == 1, done.stdout
    assert "HTTP_PORT" in named[0], "the way out"
    assert not volumes(own)
    assert docker("images", "--quiet", f"{own.project}/*") == ""


def test_a_wrong_port_is_named_before_anything_is_changed(images: Stack) -> None:
    own = Stack(project=f"{images.project}-wrong", variables={"HTTP_PORT": "eighty"})
    done = run(own, "up", "--yes")

    assert done.returncode != 0
    assert "HTTP_PORT" in done.stdout
    assert "eighty" in done.stdout


def test_a_build_without_network_names_what_does_not_answer_and_goes_on_once_it_does(
    images: Stack, tmp_path: Path
) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(images.directory, checkout, ignore=shutil.ignore_patterns(".git", ".cache", ".venv", "output"))
    lock = checkout / "images/mail/requirements.txt"
    lock.write_text(
        f"# {images.project}: not what the builder has kept\n{lock.read_text(encoding='utf-8')}", encoding="utf-8"
    )
    index = checkout / "index"
    index.write_text("http://reader:hidden@127.0.0.1:9/simple\n", encoding="ascii")
    own = Stack(
        project=f"{images.project}-offline", directory=checkout, variables={"PYTHON_INDEX_URL_FILE": str(index)}
    )

    done = run(own, "up", "--yes")

    assert done.returncode != 0
    named = [line for line in done.stdout.splitlines() if line.lstrip().startswith("FAILED")]
    assert [line for line in named if "http://127.0.0.1:9/simple" in line and "PYTHON_INDEX_URL_FILE" in line], (
        done.stdout
    )
    assert "hidden" not in done.stdout
    assert own.compose("ps", "--all", "--quiet").stdout == "", "nothing was started"

    again = Stack(project=own.project, directory=checkout, ports=own.ports)
    again.compose("build", "mail", timeout=UP)


def test_a_disk_that_is_nearly_full_is_named_before_anything_is_changed(images: Stack) -> None:
    own = Stack(project=f"{images.project}-full")
    root = docker("info", "--format", "{{.DockerRootDir}}").strip()
    # In a mount namespace of its own the command sees a small, real file system where Docker keeps its data.
    small = f'mount -t tmpfs -o size=512m tmpfs "{root}" && exec "$0" "$@"'
    inside = ["unshare", "--map-root-user", "--mount", "sh", "-c", small, str(own.directory / "stack"), "up", "--yes"]
    done = subprocess.run(
        inside,
        env=own.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE * UP,
        check=False,
    )

    assert done.returncode != 0
    named = [line for line in done.stdout.splitlines() if "GiB free at" in line]
    assert len(named) == 1, done.stdout + done.stderr
    assert "docker builder prune" in named[0], "the way out"
    assert not volumes(own)
    assert docker("images", "--quiet", f"{own.project}/*") == ""


@pytest.fixture(autouse=True, scope="module")
def tidy(images: Stack) -> Iterator[None]:
    """Leave nothing, whatever a command under test did."""
    yield
    for name in ("volume", "taken", "wrong", "offline", "full"):
        remove_project(f"{images.project}-{name}")
