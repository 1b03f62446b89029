#!/usr/bin/env python3
"""Measure Django's pages with few and with many articles: ``python3 tests/bench/pages.py``. It needs no Docker.

``python3 tests/bench/pages.py logins`` measures a page while many visitors log in at once.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cli import devenv, suites  # noqa: E402 - importable once the path is set


def main() -> int:
    """Run the measurement in the environment of the services and return its exit status."""
    folder = ROOT / "services" / "web-django"
    paths = os.pathsep.join(map(str, (folder, *suites.import_paths(folder))))
    command = devenv.services().module("tests.bench_logins" if sys.argv[1:] == ["logins"] else "tests.bench")
    return subprocess.run(command, cwd=folder, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
