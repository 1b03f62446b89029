#!/usr/bin/env python3
"""Try the API's routes by APIFlask and spectree: ``python3 tests/bench/route_libraries.py``; ADR 8 tells the result.

Four routes are declared three times: by ``services/api-flask/api/routes``, by APIFlask and by spectree. What the API's
tests expect of requests and of the OpenAPI document is asked of each, then Schemathesis compares the two. The libraries
are installed for this run alone, from the package index.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from cli import devenv, suites  # noqa: E402 - importable once the path is set

#: The libraries that were tried, and what APIFlask imports beside Flask and pydantic.
PACKAGES = (
    "apiflask==3.1.2", "spectree==3.0.0", "apispec==6.10.1", "flask-httpauth==4.8.1", "flask-marshmallow==1.5.0",
    "marshmallow==4.4.0", "webargs==8.7.1",
)  # fmt: skip

if __name__ == "__main__":
    service = ROOT / "services/api-flask"
    environment = devenv.services()
    environment.provide()
    output = ROOT / "tests/output"
    output.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output) as libraries:
        install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", libraries]
        subprocess.run([*install, *PACKAGES], check=True)
        paths = suites.join([service, *suites.import_paths(service), Path(libraries)])
        command = [*environment.enter, str(environment.python), str(ROOT / "tests/bench/app/route_libraries.py")]
        sys.exit(subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}, check=False).returncode)
