"""Kills a service with SIGKILL, and waits for its restart."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from tests.support.stack import CommandError
from tests.support.timing import measured
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.stack import Stack

#: Seconds from a kill to health; Docker waits a little longer before each restart in a row.
COMES_BACK = 60


def kill(stack: Stack, service: str) -> str:
    """Kill all processes of a container with SIGKILL and return the time of its last start.

    Docker does not restart a container after ``docker kill``, so the signal comes from inside.
    """
    started: str = stack.inspect(service)["State"]["StartedAt"]
    with suppress(CommandError):  # the shell is among those that it kills
        stack.execute(service, "sh", "-c", "kill -KILL -1")
    return started


def wait_restarted(stack: Stack, service: str, since: str) -> None:
    """Wait until a killed container runs again and serves."""
    with measured(f"restart of {service} after a kill"):
        wait_until(
            lambda: stack.inspect(service)["State"]["StartedAt"] != since,
            COMES_BACK,
            lambda: f"{service} to be started again: {stack.statuses(service)}",
            interval=0.3,
        )
        stack.wait_healthy(service, timeout=COMES_BACK)
