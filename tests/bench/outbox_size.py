#!/usr/bin/env python3
"""Show that the outbox stays small: ``python3 tests/bench/outbox_size.py`` sends a million tasks through its table.

No broker and no worker: rows are written, taken, completed and purged by the statements that services, relay and
workers use, on a PostgreSQL of the tests' own, while autovacuum does what it does everywhere. What the table takes with
the last rows in it is compared with what as many rows take in a new one.
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
    parser.add_argument("--tasks", type=int, default=1_000_000)
    options = parser.parse_args()
    environment = devenv.services()
    program = ROOT / "tests/bench/app/outbox_rows.py"
    command = [*environment.enter, str(environment.python), str(program), str(options.tasks)]
    paths = suites.join(suites.import_paths(ROOT / "services/worker"))
    sys.exit(subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode)
