"""Runs ``./stack`` for a project, with the project's variables and without a terminal for questions."""

from __future__ import annotations

import os
import signal
import subprocess
from typing import TYPE_CHECKING

from tests.support.stack import LABEL, docker
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from tests.support.stack import Stack

#: Seconds for everything, including images from nothing.
UP = 600


def run(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run ``./stack`` from another directory and return its output.

    Args:
        stack: the stack with the checkout, the project and the variables.
        arguments: the arguments after ``./stack``.
    """
    return subprocess.run(
        [str(stack.directory / "stack"), *arguments],
        cwd="/",
        env=stack.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE * UP,
        check=False,
    )


def interrupt(stack: Stack) -> None:
    """Start ``./stack up`` and press Ctrl-C once it builds.

    Raises:
        AssertionError: it never builds, or ends with status 0.
    """
    with subprocess.Popen(
        [str(stack.directory / "stack"), "up", "--yes"],
        env=stack.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        printed = iter(process.stdout.readline, "")
        assert any("Building" in line for line in printed), "it never came to build"
        os.killpg(process.pid, signal.SIGINT)
        process.stdout.read()
        assert process.wait(PATIENCE * 60) != 0


def volumes(stack: Stack) -> set[str]:
    """Return the names of a project's volumes."""
    return set(docker("volume", "ls", "--quiet", "--filter", f"label={LABEL}={stack.project}").split())
