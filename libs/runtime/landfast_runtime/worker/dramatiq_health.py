"""The health check of Dramatiq's worker, which is healthy while RabbitMQ has a consumer of its queue.

``python -m landfast_runtime.worker.dramatiq_health QUEUE`` exits 0 then.
"""

from __future__ import annotations

import sys

from landfast_runtime import health
from landfast_runtime.connections import RabbitMQ
from landfast_runtime.env import load


def main(queue: str) -> int:
    """Check once, print the result, and return the exit status.

    Args:
        queue: the worker's queue.
    """
    report = health.run({"worker": health.consumers(load("worker", RabbitMQ.from_env), queue)})
    problem = report.results["worker"].problem
    if problem:
        print(problem)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
