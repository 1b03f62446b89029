"""The worker's health check: ``python -m landfast_runtime.worker.health`` exits 0 while the worker consumes.

A worker that is still loading the application is checked every second, on the processors that it needs itself; so no
slow module is imported before the worker can answer.
"""

from __future__ import annotations

import sys

from landfast_runtime.worker import activity


def main() -> int:
    """Check once, print the result, and return the exit status."""
    if not activity.DIRECTORY.exists():  # created when the application is loaded, in the container's own tmpfs
        print("the worker is starting")
        return 1
    from landfast_runtime.worker import consumption  # noqa: PLC0415 - the module's docstring has the reason

    return consumption.check()


if __name__ == "__main__":
    sys.exit(main())
