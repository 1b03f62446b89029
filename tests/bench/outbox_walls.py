#!/usr/bin/env python3
"""Show what row-level security costs durable tasks: ``python3 tests/bench/outbox_walls.py``.

Two databases of one PostgreSQL, one with the tables of revision 0003, one with those of today, take turns with the
statements that callers, relay and workers run, as the roles of services.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cli import devenv, suites  # noqa: E402 - importable once the path is set

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    environment = devenv.services()
    program = ROOT / "tests/bench/app/outbox_walls.py"
    command = [*environment.enter, str(environment.python), str(program), str(options.tasks), str(options.rounds)]
    paths = suites.join(suites.import_paths(ROOT / "services/worker"))
    sys.exit(subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode)
