"""``./stack app``: from a name to a page, a task, a check that finds nothing, and back."""

from __future__ import annotations

import re
import shutil
from typing import TYPE_CHECKING

import pytest
import requests

from cli.app.lists import LISTS
from tests.conftest import log_in_to_console
from tests.support.command import run
from tests.support.site import TIMEOUT
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.site import Site
    from tests.support.stack import Stack

# Two minutes, and the house starts anew twice; tests/cli holds all of it that needs no Docker.
pytestmark = pytest.mark.long


@pytest.fixture
def shop(ready: Stack) -> Iterator[str]:
    """A new application, which starts when it is checked; afterwards the stack is as before."""
    made = run(ready, "app", "new", "shop", "--from", "django")
    try:
        assert made.returncode == 0, made.stdout
        yield "shop"
    finally:
        run(ready, "app", "remove", "shop", "--yes")
        shutil.rmtree(ready.directory / "services/shop", ignore_errors=True)
        # The report of a failure has read them with the application.
        for cached in ("config", "one_shots", "long_running", "images"):
            vars(ready).pop(cached, None)


def test_a_new_application_has_nothing_to_mend_and_leaves_nothing_on_the_lists(
    ready: Stack, shop: str, trusting: Callable[[Stack], Site]
) -> None:
    checked = run(ready, "app", "check", shop, "--yes")
    assert checked.returncode == 0, checked.stdout
    assert "shop.localhost" in re.findall(r"ok +smoke +(.*) as its contract says", checked.stdout)[0]

    page = requests.get(ready.http_url, headers={"Host": "shop.localhost"}, timeout=TIMEOUT)
    assert (page.status_code, "services/shop/" in page.text) == (200, True)

    filled = ("sh", "/run/secrets/with-environment", "python", "-c")
    task = f"from shop.tasks import add; print(add.delay(4, 4).get(timeout={TIMEOUT}))"
    assert ready.execute("shop-worker", *filled, task).split()[-1] == "8"

    operator = log_in_to_console(ready, trusting(ready))
    asked = f"/flower/vhost/{shop}/api/workers"
    seen = wait_until(lambda: operator.get(asked, params={"refresh": "1"}).json(), 30, "its worker in its Flower")
    assert len(seen) == 1

    assert_a_changed_variable_reaches_its_containers_alone(ready)
    assert_half_written_files_are_named(ready)
    assert_a_broken_file_for_nginx_stops_nothing(ready)

    removed = run(ready, "app", "remove", shop, "--yes")
    assert removed.returncode == 0, removed.stdout
    assert "DROP DATABASE shop" in removed.stdout
    lists = [(ready.directory / name).read_text(encoding="utf-8") for name in LISTS]
    assert not any("shop" in text for text in lists)
    assert not any(each.service.startswith("shop") for each in ready.containers())


def assert_a_changed_variable_reaches_its_containers_alone(stack: Stack) -> None:
    contract = stack.directory / "services/shop/compose.yaml"
    before = {each.service: each.id for each in stack.containers()}
    images = {service: stack.inspect(service)["Image"] for service in before}
    text = contract.read_text(encoding="utf-8")
    variable = '\n  x-environment:\n    GREETING: "from {public_url}"\n'
    contract.write_text(text.replace("\n  x-environment:\n", variable), encoding="utf-8")

    started = run(stack, "up", "--yes")

    assert started.returncode == 0, started.stdout
    for service in ("shop", "shop-worker"):
        # The environment of the application's own process; that of the init is not to be read.
        variables = stack.execute(service, "sh", "-c", "cat /proc/[0-9]*/environ 2>/dev/null || true").split("\0")
        assert "GREETING=from http://shop.localhost" in {each.rpartition(":")[0] for each in variables}
    renewed = {each.service for each in stack.containers() if each.id != before[each.service]}
    # A base image or a builder's cache that others replace meanwhile would change all images.
    rebuilt = {service for service in images if stack.inspect(service)["Image"] != images[service]}
    assert (renewed, rebuilt) == ({"shop", "shop-worker"}, set())


def assert_half_written_files_are_named(stack: Stack) -> None:
    contract = stack.directory / "services/shop/compose.yaml"
    text = contract.read_text(encoding="utf-8")
    line = len(text.splitlines()) + 2
    contract.write_text(f"{text}x-more: [a, b\nx-again: c\n", encoding="utf-8")
    try:
        for command in ("up --yes", "doctor", "app check shop", "app list", "logs", "secret admin_password"):
            ended = run(stack, *command.split())
            assert f"services/shop/compose.yaml, line {line}: this is not valid YAML" in ended.stdout, command
            assert ended.returncode == 1, command
    finally:
        contract.write_text(text, encoding="utf-8")


def assert_a_broken_file_for_nginx_stops_nothing(stack: Stack) -> None:
    extra = stack.directory / "services/shop/nginx.extra"
    before = {each.service: each.id for each in stack.containers()}
    extra.write_text("location = /teapot { return 418; }\n}\n", encoding="utf-8")
    try:
        for command in ("up --yes", "app check shop"):
            ended = run(stack, *command.split())
            assert 'unexpected "}" in /run/secrets/shop.nginx.extra:2' in ended.stdout, command
            assert ended.returncode == 1, command
        assert {each.service: each.id for each in stack.containers()} == before
        assert requests.get(stack.http_url, headers={"Host": "shop.localhost"}, timeout=TIMEOUT).ok
    finally:
        extra.unlink()
