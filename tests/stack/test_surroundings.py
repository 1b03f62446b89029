"""Bad surroundings: what a stack meets on other people's machines."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from tests.support.site import Site
from tests.support.stack import ROOT, Ports, Stack
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def neighbour(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A second stack beside the first, from a checkout whose path holds a space."""
    checkout = tmp_path_factory.mktemp("a path with spaces") / "land fast"
    copy_checkout(checkout)
    second = Stack(project=f"{stack.project}-second", directory=checkout)
    try:
        second.take_images_of(stack)
        second.up()
        yield second
    finally:
        second.down()


def copy_checkout(target: Path) -> None:
    """Copy what is or would be committed: no caches, no settings of this machine."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)


def test_a_second_stack_runs_beside_the_first_from_a_path_with_a_space(stack: Stack, neighbour: Stack) -> None:
    first, second = Site(stack.http_url), Site(neighbour.http_url)

    locations = {site: site.send_task(1, 2).headers["Location"] for site in (first, second)}

    wait_until(lambda: all(site.result(path) == 3 for site, path in locations.items()), 20, "both sums")
    assert second.get(locations[first]).status_code == 404, "each stack has its own results"
    assert {first.get("/readyz").status_code, second.get("/readyz").status_code} == {200}


def test_starting_a_running_stack_again_changes_nothing(neighbour: Stack) -> None:
    before = {service: neighbour.container(service) for service in neighbour.long_running}
    started = {service: neighbour.inspect(service)["State"]["StartedAt"] for service in neighbour.long_running}

    neighbour.up()

    assert {service: neighbour.container(service) for service in before} == before
    assert {service: neighbour.inspect(service)["State"]["StartedAt"] for service in started} == started


def test_data_and_secrets_outlive_the_containers(neighbour: Stack) -> None:
    site = Site(neighbour.http_url)
    assert site.register("keeper", "keeper@example.org", "a pass phrase to keep").status_code == 302
    location = site.send_task(6, 7).headers["Location"]
    wait_until(lambda: site.result(location) == 13, 20, "the sum")

    neighbour.compose("down", timeout=180)
    neighbour.up()

    wait_until(lambda: site.probe("/readyz"), 60, "the stack to be ready")
    again = Site(neighbour.http_url)
    again.log_in("keeper", "a pass phrase to keep")
    assert again.result(location) == 13


def test_a_taken_port_is_named_and_stops_nothing_else(stack: Stack, neighbour: Stack) -> None:
    with closing(socket.create_server(("0.0.0.0", 0))) as holder:  # noqa: S104 - takes the port as another server would
        taken = holder.getsockname()[1]
        ports = Ports(http=taken, https=neighbour.ports.https, mail=neighbour.ports.mail)
        moved = Stack(project=neighbour.project, directory=neighbour.directory, ports=ports)
        result = moved.compose("up", "--detach", "--no-build", "--no-deps", "nginx", check=False)

    assert result.returncode != 0
    assert str(taken) in result.stderr
    assert Site(stack.http_url).get("/readyz").status_code == 200
    neighbour.up()
    assert Site(neighbour.http_url).get("/healthz").status_code == 200


def test_a_wrong_database_password_is_named_by_readiness(stack: Stack, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("not-the-password-of-anybody", encoding="ascii")
    name = f"{stack.project}-wrong-password"
    volume = f"{wrong}:/run/secrets/postgres_password:ro"
    stack.compose("run", "--detach", "--rm", "--no-deps", "--name", name, "--volume", volume, "web-django")
    ask = (
        "import sys, urllib.request, urllib.error\n"
        "try:\n    print(urllib.request.urlopen('http://127.0.0.1:8000/readyz', timeout=10).read().decode())\n"
        "except urllib.error.HTTPError as error:\n    print(error.read().decode())\n"
        "except OSError:\n    sys.exit(1)"
    )

    def report() -> str:
        command = ["docker", "exec", name, "python", "-c", ask]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout

    try:
        document = json.loads(wait_until(report, 60, "the service to report"))
    finally:
        subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)

    assert document["failing"] == ["postgres"]
    assert "password" in document["dependencies"]["postgres"]["problem"]
    assert wrong.read_text(encoding="ascii") not in str(document)


def test_migrations_with_a_wrong_password_fail_and_say_so(stack: Stack, tmp_path: Path) -> None:
    wrong = tmp_path / "password"
    wrong.write_text("not-the-password-of-anybody", encoding="ascii")

    for service in ("migrate-web", "migrate-api"):
        volume = f"{wrong}:/run/secrets/postgres_password:ro"
        command = ["run", "--rm", "--no-deps", "--no-TTY", "--volume", volume, service]
        result = stack.compose(*command, check=False, timeout=90)
        assert result.returncode not in {0, 137}
        assert "password authentication failed" in result.stdout + result.stderr
