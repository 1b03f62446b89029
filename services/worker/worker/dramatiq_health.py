"""The health check of Dramatiq's worker: it is healthy while RabbitMQ has a consumer of its queue."""

from __future__ import annotations

import sys

from landfast_runtime import health
from tasks.actors import DRAMATIQ_QUEUE
from tasks.celery_app import settings


def main() -> int:
    """Check once; print what was found and return the exit status."""
    report = health.run({"worker-dramatiq": health.consumers(settings.broker, DRAMATIQ_QUEUE)})
    problem = report.results["worker-dramatiq"].problem
    if problem:
        print(problem)
    return 1 if problem else 0


if __name__ == "__main__":
    sys.exit(main())
