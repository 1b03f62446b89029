#!/usr/bin/env python3
"""Measure what the stack costs and print it as a table beside its goals: ``python3 tests/bench/figures.py``.

Each figure is measured on a copy of this checkout, as a project of its own, on free ports; nothing of a running stack
is touched. It needs Docker and the base image, which ``./stack up`` sees to. ``--from-nothing`` adds the one figure
that no machine with Docker can show of itself: it lets ``./stack up`` run in a bare Debian container.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.request import Request, urlopen

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cli import base_image, compose  # noqa: E402 - importable once the path is set
from cli.settings import Settings, ca_bundle  # noqa: E402
from tests.bench.bare import seconds_from_nothing  # noqa: E402
from tests.support.checkout import copy_checkout  # noqa: E402
from tests.support.leftovers import remove_leftovers  # noqa: E402
from tests.support.stack import PREFIX, Stack, docker  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

#: Seconds after which a stack that nobody uses has settled: start-up garbage is collected, caches are filled.
SETTLING = 60
MEBIBYTE = 1 << 20
#: The name of an application that is made for its figure.
APPLICATION = "fresh"
#: What ``docker stats`` writes for a number of bytes.
UNITS = {"B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}


@dataclass(frozen=True)
class Figure:
    """One line of the table.

    Args:
        name: what is measured.
        measured: the value.
        goal: what it should not exceed.
        unit: of both.
    """

    name: str
    measured: float
    goal: float
    unit: str

    @property
    def line(self) -> str:
        """The line of a Markdown table."""
        verdict = "yes" if self.measured <= self.goal else "**no**"
        return f"| {self.name} | {self.measured:,.0f} {self.unit} | ≤ {self.goal:,.0f} {self.unit} | {verdict} |"


def seconds(action: Callable[[], object]) -> float:
    """Return how long ``action`` takes."""
    started = time.monotonic()
    action()
    return time.monotonic() - started


def cold_build(stack: Stack) -> float:
    """Return the seconds that all images take with nothing taken from the builder's cache."""
    return seconds(lambda: stack.compose("build", "--no-cache", timeout=1800))


def warm_start(stack: Stack) -> float:
    """Return the seconds from images and data, but no containers, to everything healthy."""
    stack.up()
    stack.compose("down", timeout=180)
    return seconds(stack.up)


def rebuild(stack: Stack) -> float:
    """Return the seconds from a saved line in ``news/`` to the new container healthy."""
    stack.up()
    path = stack.directory / "services" / "web-django" / "news" / "views.py"
    with path.open("a", encoding="utf-8") as file:
        file.write("\n# One more line.\n")

    def deploy() -> None:
        stack.compose("up", "--detach", "--build", timeout=600)
        stack.wait_healthy(*stack.long_running)

    before = stack.container("web-django")
    taken = seconds(deploy)
    if stack.container("web-django") == before:
        raise SystemExit("the change did not reach the image: nothing was measured")
    return taken


def new_application(stack: Stack) -> float:
    """Return the seconds from ``./stack app new`` on a running stack to the page of the new application."""
    environment = {**stack.environment, "CI": "true"}

    def run(*arguments: str) -> None:
        subprocess.run(
            ["./stack", *arguments], cwd=stack.directory, env=environment, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip

    def make() -> None:
        run("app", "new", APPLICATION, "--from", "django")
        run("up")
        page = Request(f"{stack.http_url}/", headers={"Host": f"{APPLICATION}.localhost"})  # noqa: S310 - of this machine
        urlopen(page, timeout=SETTLING).close()  # noqa: S310 - as above

    try:
        return seconds(make)
    finally:
        run("app", "remove", APPLICATION, "--yes")


def disk(stack: Stack) -> float:
    """Return the mebibytes of all images together, each shared layer once."""
    # One archive of several images holds each layer once, unpacked, as a file of its own.
    command = ["docker", "save", *sorted(stack.images)]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE) as saved,
        tarfile.open(fileobj=saved.stdout, mode="r|") as archive,
    ):
        return sum(member.size for member in archive if member.isfile()) / MEBIBYTE


def memory(stack: Stack) -> float:
    """Return the mebibytes that all containers of an idle stack hold."""
    time.sleep(SETTLING)
    containers = stack.compose("ps", "--quiet").stdout.split()
    lines = docker("stats", "--no-stream", "--format={{json .}}", *containers).splitlines()
    used = [re.match(r"([\d.]+)(\w+)", json.loads(line)["MemUsage"]) for line in lines]
    return sum(float(match[1]) * UNITS[match[2]] for match in used if match) / MEBIBYTE


def memory_without_demo(stack: Stack) -> float:
    """Return the mebibytes of the idle house, without any application; what stood there is removed."""
    listed = stack.directory / "compose.yaml"
    lines = listed.read_text(encoding="utf-8").splitlines(keepends=True)
    listed.write_text("".join(line for line in lines if "services/" not in line), encoding="utf-8")
    stack.up()
    return memory(stack)


def measure() -> list[Figure]:
    """Return all figures that a machine with Docker can show."""
    environment = compose.environment(base_image.find(Settings.read().base_image) or "", ca_bundle())
    os.environ.update({name: value for name, value in environment.items() if value})
    with tempfile.TemporaryDirectory() as directory:
        checkout = Path(directory, "checkout")
        copy_checkout(checkout)
        stack = Stack(project=f"{PREFIX}{os.getpid()}-bench", directory=checkout)
        shipped, house = (
            Stack(project=stack.project, directory=checkout, ports=stack.ports, files=("compose.yaml",)) for _ in "12"
        )
        try:
            return [
                Figure("cold build with Docker there", cold_build(stack), 150, "s"),
                Figure("disk of all images together, shared layers once", disk(stack), 1.2e9 / MEBIBYTE, "MiB"),
                Figure("warm start: images built, containers removed, to all healthy", warm_start(stack), 20, "s"),
                Figure("memory of the idle stack, all containers", memory(stack), 1024, "MiB"),
                Figure(
                    "a new Django application on a running stack, from the first command to its page",
                    new_application(stack),
                    60,
                    "s",
                ),
                Figure("rebuild after a one-line change in `news/` to healthy", rebuild(shipped), 10, "s"),
                Figure("memory of the idle house, without any application", memory_without_demo(house), 450, "MiB"),
            ]
        finally:
            stack.down()


def main() -> int:
    """Print the table and return the exit status: 1 if a goal was missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--from-nothing", action="store_true", help="measure ./stack up on a bare Debian as well")
    options = parser.parse_args()
    remove_leftovers()
    figures = measure()
    if options.from_nothing:
        figures.insert(0, Figure("`./stack up` from nothing", seconds_from_nothing(), 300, "s"))
    print(f"Measured on {os.cpu_count()} cores.\n\n| figure | measured | goal | reached |\n| --- | --- | --- | --- |")
    print("\n".join(figure.line for figure in figures))
    return 0 if all(figure.measured <= figure.goal for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
