"""``./stack``: what it starts, mends, tells and removes, on the stack under test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.support.command import run, volumes
from tests.support.forms import wait_ready
from tests.support.site import Site
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.stack import Stack


def state(stack: Stack) -> dict[str, tuple[str, str]]:
    """Return the container of each service that has one, and when it was started."""
    there = {each.service for each in stack.containers()} & stack.long_running
    return {name: (stack.container(name), stack.inspect(name)["State"]["StartedAt"]) for name in there}


def test_up_starts_everything_and_prints_where_it_is(stack: Stack) -> None:
    # The fixture has started it with ./stack up, after Ctrl-C in the middle of the build.
    assert wait_ready(stack)["failing"] == []
    assert set(stack.statuses(*stack.long_running).values()) == {"healthy"}


def test_up_again_mends_what_is_missing_and_changes_nothing_else(ready: Stack) -> None:
    ready.compose("rm", "--stop", "--force", "flower")
    before = state(ready)

    again = run(ready, "up", "--yes")

    assert again.returncode == 0, again.stdout
    assert ready.http_url in again.stdout
    assert f"http://localhost:{ready.ports.mail}" in again.stdout
    assert before.items() < state(ready).items()
    ready.wait_healthy("flower")


def test_it_prints_the_password_that_the_admin_logs_in_with(stack: Stack) -> None:
    printed = run(stack, "secret", "admin_password").stdout.strip()

    site = Site(stack.http_url)
    site.log_in("admin", printed)
    assert site.get("/admin/").status_code == 200


def test_doctor_finds_a_running_stack_healthy(ready: Stack) -> None:
    # A slow machine may let it find a dependency that takes longer than the two seconds that readiness waits for one.
    wait_until(lambda: run(ready, "doctor").returncode == 0, 60, lambda: run(ready, "doctor").stdout)


def test_doctor_names_a_stopped_service_and_the_next_step(ready: Stack) -> None:
    ready.stop("redis")
    done = run(ready, "doctor")

    assert done.returncode != 0
    lines = [line for line in done.stdout.splitlines() if "redis" in line]
    assert lines, done.stdout


def test_doctor_has_asked_the_mirror_for_security_updates_of_the_running_images(stack: Stack) -> None:
    told = run(stack, "doctor").stdout.partition("Security updates\n")[2]

    assert re.search(r"lack none of Debian's security updates \(index of 20\d\d-|lacks \d+ security updates: ", told), (
        told
    )


def test_down_keeps_data_and_secrets(ready: Stack, trusting: Callable[[Stack], Site]) -> None:
    person = "keeper", "keeper@example.org", "a pass phrase to keep"
    assert trusting(ready).register(*person).status_code == 302
    kept = volumes(ready)

    assert run(ready, "down").returncode == 0

    assert ready.compose("ps", "--all", "--quiet").stdout == ""
    assert volumes(ready) == kept
    assert run(ready, "up", "--yes").returncode == 0
    site = trusting(ready)
    site.log_in("keeper", "a pass phrase to keep")
    assert site.get("/accounts/profile/").status_code == 200


def test_down_deletes_nothing_while_nobody_agrees(ready: Stack) -> None:
    kept = volumes(ready)

    refused = run(ready, "down", "--volumes")

    assert refused.returncode != 0
    assert volumes(ready) == kept
    assert Site(ready.http_url).get("/healthz").status_code == 200
