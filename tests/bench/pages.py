#!/usr/bin/env python3
"""Measure Django's pages with few and with many articles: ``python3 tests/bench/pages.py``. It needs no Docker.

``python3 tests/bench/pages.py logins`` measures a page while many visitors log in at once, ``... processor`` the
processor's time of a page and of a process's start.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cli import devenv, suites  # noqa: E402 - importable once the path is set
from tests.bench.report import Section, figure, surroundings, table  # noqa: E402 - as above

if TYPE_CHECKING:
    from tests.bench.run import Run

#: What can be measured, and the module in the site's tests that does it.
MODULES = {"articles": "tests.bench", "logins": "tests.bench_logins", "processor": "tests.bench_processor"}
#: What the figures are.
NOTE = (
    "In a process that has answered before, without Nginx's cache and without PostgreSQL's own time. Other programs "
    "make a processor slower: compare two releases on a machine that does nothing else."
)


def measured(what: str, *, captured: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a measurement in the environment of the services.

    Args:
        what: its name.
        captured: whether its output is returned, not shown.
    """
    folder = ROOT / "services" / "web-django"
    paths = os.pathsep.join(map(str, (folder, *suites.import_paths(folder))))
    environment = devenv.services()
    environment.provide()
    return subprocess.run(
        environment.module(MODULES[what]), cwd=folder, env={**os.environ, "PYTHONPATH": paths},
        stdout=subprocess.PIPE if captured else None, text=True, check=False,
    )  # fmt: skip


def section(run: Run) -> Section:
    """Return the processor's time of the site's pages.

    Raises:
        SystemExit: the measurement failed; it has said why.
    """
    done = measured("processor", captured=True)
    if done.returncode:
        raise SystemExit(done.returncode)
    found = json.loads(done.stdout.splitlines()[-1])
    lines = [(name, figure(each["ms"]), each["queries"]) for name, each in found["pages"].items()]
    text = [
        surroundings(run),
        NOTE,
        table(("page", "ms of the processor", "queries"), lines),
        f"A process loads the site in {figure(found['start'])} s of the processor.",
    ]
    return Section("pages", "The site's pages", "\n\n".join(text))


def main() -> int:
    """Run the measurement that the arguments name, and return its exit status."""
    return measured(sys.argv[1] if sys.argv[1:] else "articles").returncode


if __name__ == "__main__":
    sys.exit(main())
