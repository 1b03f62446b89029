"""The container's health: ``python -m health`` exits 0 when the Flower of each vhost answers.

It imports few modules, because it runs every second while the container starts (as landfast_runtime.probe does).
"""

from __future__ import annotations

import sys

from landfast_runtime import probe
from landfast_runtime.env import Env


def main() -> int:
    """Check each, print the problem of the first that does not answer, and return the exit status."""
    places = Env().derived("vhosts.json").values()
    return int(any(probe.main(f"http://127.0.0.1:{place['port']}{place['path']}healthcheck") for place in places))


if __name__ == "__main__":
    sys.exit(main())
