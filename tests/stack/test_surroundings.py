"""Bad surroundings: what a stack meets on other people's machines."""

from __future__ import annotations

import json
import socket
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.forms import wait_ready
from tests.support.site import Site
from tests.support.stack import Ports, Stack
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.long  # promised to laptops alone, and a second stack takes as long to start as the first
def test_a_second_stack_runs_beside_the_first(stack: Stack) -> None:
    other = Stack(project=f"{stack.project}-second")
    other.take_images_of(stack)
    first, second = Site(stack.http_url), Site(other.http_url)
    try:
        other.up()
        wait_ready(other)
        locations = {site: site.send_task(1, 2).headers["Location"] for site in (first, second)}

        wait_until(lambda: all(site.result(path) == 3 for site, path in locations.items()), 20, "both sums")
        assert second.get(locations[first]).status_code == 404, "each stack has its own results"
        wait_ready(stack)
        wait_ready(other)
    finally:
        other.down()


def test_starting_a_running_stack_again_changes_nothing(shipped: Stack) -> None:
    before = {service: shipped.container(service) for service in shipped.long_running}
    started = {service: shipped.inspect(service)["State"]["StartedAt"] for service in shipped.long_running}

    shipped.up()

    assert {service: shipped.container(service) for service in before} == before
    assert {service: shipped.inspect(service)["State"]["StartedAt"] for service in started} == started


def test_a_taken_port_is_named_and_stops_nothing_else(shipped: Stack) -> None:
    with closing(socket.create_server(("0.0.0.0", 0))) as holder:  # noqa: S104 - takes the port as another server would
        taken = holder.getsockname()[1]
        ports = Ports(http=taken, https=shipped.ports.https, mail=shipped.ports.mail)
        moved = Stack(project=shipped.project, directory=shipped.directory, ports=ports, files=shipped.files)
        result = moved.compose("up", "--detach", "--no-build", "--no-deps", "nginx", check=False)

    assert result.returncode != 0
    assert str(taken) in result.stderr
    shipped.compose("up", "--detach", "--no-build", "--no-deps", "nginx")  # all of it would start the one-shots, too
    wait_ready(shipped)


def test_a_wrong_database_password_is_named_by_readiness(stack: Stack, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("not-the-password-of-anybody", encoding="ascii")
    name = f"{stack.project}-wrong-password"
    volume = f"{wrong}:/run/secrets/postgres_password:ro"
    stack.compose("run", "--detach", "--rm", "--no-deps", "--name", name, "--volume", volume, "console")
    ask = (
        "import sys, urllib.request, urllib.error\n"
        "try:\n    print(urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=60).read().decode())\n"
        "except urllib.error.HTTPError as error:\n    print(error.read().decode())\n"
        "except OSError:\n    sys.exit(1)"
    )

    def report() -> dict[str, Any] | None:
        command = ["docker", "exec", name, "python", "-c", ask]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        document: dict[str, Any] = json.loads(told or "{}")
        # The others have two seconds each, which a slow machine may take.
        return document if document.get("failing") == ["postgres", "outbox"] else None

    try:
        document = wait_until(report, 60, "the service to report what fails, and that alone")
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)

    assert "password" in document["dependencies"]["postgres"]["problem"]
    assert wrong.read_text(encoding="ascii") not in str(document)


def test_migrations_with_a_wrong_password_fail_and_say_so(stack: Stack, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("not-the-password-of-anybody", encoding="ascii")

    for service in ("migrate-web", "migrate-api", "migrate-outbox", "migrate-console"):
        volume = f"{wrong}:/run/secrets/postgres_password:ro"
        command = ["run", "--rm", "--no-deps", "--no-TTY", "--volume", volume, service]
        result = stack.compose(*command, check=False, timeout=90)
        assert result.returncode not in {0, 137}
        assert "password authentication failed" in result.stdout + result.stderr
