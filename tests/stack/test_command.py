"""``./stack``, the one command, from up to down."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.leftovers import remove_project
from tests.support.site import Site
from tests.support.stack import Ports, Stack, docker

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Seconds: for everything with images in the builder's cache, and for a run that finds nothing to do.
UP, UP_AGAIN = 300, 15


def run(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``./stack`` for a project as a person would who has set its variables; nobody can answer questions."""
    return subprocess.run(
        [str(stack.directory / "stack"), *arguments],
        cwd="/",
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=UP,
        check=False,
    )


@pytest.fixture(scope="module")
def started(stack: Stack) -> Iterator[Stack]:
    """A stack that ``./stack up`` started after somebody had pressed Ctrl-C in the middle of its build."""
    own = Stack(project=f"{stack.project}-command")
    try:
        interrupt(own)
        done = run(own, "up", "--yes")
        assert done.returncode == 0, done.stdout
        assert own.http_url in done.stdout
        assert f"http://localhost:{own.ports.mail}" in done.stdout
        yield own
    finally:
        own.down()


def interrupt(stack: Stack) -> None:
    """Start ``./stack up`` and press Ctrl-C once it builds."""
    with subprocess.Popen(
        [str(stack.directory / "stack"), "up", "--yes"],
        env=stack.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        said = iter(process.stdout.readline, "")
        assert any("Building" in line for line in said), "it never came to build"
        os.killpg(process.pid, signal.SIGINT)
        process.stdout.read()
        assert process.wait(60) != 0


def state(stack: Stack) -> dict[str, tuple[str, str]]:
    """Return each service's container and when it was started."""
    return {name: (stack.container(name), stack.inspect(name)["State"]["StartedAt"]) for name in stack.long_running}


def volumes(stack: Stack) -> set[str]:
    label = f"label=com.docker.compose.project={stack.project}"
    return set(docker("volume", "ls", "--quiet", "--filter", label).split())


def test_up_finishes_what_was_interrupted(started: Stack) -> None:
    assert Site(started.http_url).get("/readyz").status_code == 200
    assert set(started.statuses(*started.long_running).values()) == {"healthy"}


def test_up_again_changes_nothing_and_takes_little_time(started: Stack) -> None:
    before, begun = state(started), time.monotonic()

    again = run(started, "up", "--yes")

    assert again.returncode == 0, again.stdout
    assert time.monotonic() - begun < UP_AGAIN
    assert state(started) == before


def test_it_prints_the_password_that_the_admin_logs_in_with(started: Stack) -> None:
    printed = run(started, "secret", "admin_password").stdout.strip()

    site = Site(started.http_url)
    site.log_in("admin", printed)
    assert site.get("/admin/").status_code == 200


def test_doctor_finds_a_running_stack_healthy(started: Stack) -> None:
    done = run(started, "doctor")

    assert done.returncode == 0, done.stdout


def test_doctor_names_a_stopped_service_and_the_next_step(started: Stack) -> None:
    started.stop("redis")
    done = run(started, "doctor")
    started.start("redis")

    assert done.returncode != 0
    lines = [line for line in done.stdout.splitlines() if "redis" in line]
    assert lines, done.stdout


def test_up_mends_a_stack_with_a_service_missing(started: Stack) -> None:
    started.compose("rm", "--stop", "--force", "worker")

    assert run(started, "up", "--yes").returncode == 0
    started.wait_healthy("worker")


def test_down_keeps_the_data(started: Stack) -> None:
    person = "keeper", "keeper@example.org", "a pass phrase to keep"
    assert Site(started.http_url).register(*person).status_code == 302
    kept = volumes(started)

    assert run(started, "down").returncode == 0

    assert started.compose("ps", "--all", "--quiet").stdout == ""
    assert volumes(started) == kept
    assert run(started, "up", "--yes").returncode == 0
    site = Site(started.http_url)
    site.log_in("keeper", "a pass phrase to keep")
    assert site.get("/accounts/profile/").status_code == 200


def test_down_deletes_nothing_while_nobody_agrees(started: Stack) -> None:
    kept = volumes(started)

    refused = run(started, "down", "--volumes")

    assert refused.returncode != 0
    assert volumes(started) == kept
    assert Site(started.http_url).get("/healthz").status_code == 200


def test_down_deletes_the_data_of_those_who_agree(stack: Stack) -> None:
    own = Stack(project=f"{stack.project}-volume")
    own.take_images_of(stack)
    try:
        own.compose("create")
        assert volumes(own)

        assert run(own, "down", "--volumes", "--yes").returncode == 0

        assert not volumes(own)
    finally:
        own.down()


def test_a_taken_port_is_named_before_anything_is_changed(stack: Stack) -> None:
    with closing(socket.create_server(("0.0.0.0", 0))) as holder:  # noqa: S104 - takes the port as another server would
        taken = holder.getsockname()[1]
        free = Ports.free()
        own = Stack(project=f"{stack.project}-taken", ports=Ports(http=taken, https=free.https, mail=free.mail))
        done = run(own, "up", "--yes")

    assert done.returncode != 0
    named = [line for line in done.stdout.splitlines() if str(taken) in line]
    assert len(named) == 1, done.stdout
    assert "HTTP_PORT" in named[0], "the way out"
    assert not volumes(own)
    assert docker("images", "--quiet", f"{own.project}/*") == ""


def test_a_wrong_port_is_named_before_anything_is_changed(stack: Stack) -> None:
    own = Stack(project=f"{stack.project}-wrong", variables={"HTTP_PORT": "eighty"})
    done = run(own, "up", "--yes")

    assert done.returncode != 0
    assert "HTTP_PORT" in done.stdout
    assert "eighty" in done.stdout


def test_a_build_without_network_names_what_does_not_answer_and_goes_on_once_it_does(
    stack: Stack, tmp_path: Path
) -> None:
    checkout = tmp_path / "checkout"
    shutil.copytree(stack.directory, checkout, ignore=shutil.ignore_patterns(".git", ".cache", ".venv", "output"))
    lock = checkout / "images/mail/requirements.txt"
    lock.write_text(
        f"# {stack.project}: not what the builder has kept\n{lock.read_text(encoding='utf-8')}", encoding="utf-8"
    )
    index = checkout / "index"
    index.write_text("http://reader:hidden@127.0.0.1:9/simple\n", encoding="ascii")
    own = Stack(project=f"{stack.project}-offline", directory=checkout, variables={"PYTHON_INDEX_URL_FILE": str(index)})

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


def test_a_disk_that_is_nearly_full_is_named_before_anything_is_changed(stack: Stack) -> None:
    own = Stack(project=f"{stack.project}-full")
    root = docker("info", "--format", "{{.DockerRootDir}}").strip()
    # In a mount namespace of its own the command sees a small, real file system where Docker keeps its data.
    small = f'mount -t tmpfs -o size=512m tmpfs "{root}" && exec "$0" "$@"'
    inside = ["unshare", "--map-root-user", "--mount", "sh", "-c", small, str(own.directory / "stack"), "up", "--yes"]
    done = subprocess.run(
        inside, env=own.environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=UP, check=False
    )

    assert done.returncode != 0
    named = [line for line in done.stdout.splitlines() if "GiB free at" in line]
    assert len(named) == 1, done.stdout + done.stderr
    assert "docker builder prune" in named[0], "the way out"
    assert not volumes(own)
    assert docker("images", "--quiet", f"{own.project}/*") == ""


@pytest.fixture(autouse=True, scope="module")
def tidy(stack: Stack) -> Iterator[None]:
    """Leave nothing, whatever a command under test did."""
    yield
    for name in ("command", "volume", "taken", "wrong", "offline", "full"):
        remove_project(f"{stack.project}-{name}")
