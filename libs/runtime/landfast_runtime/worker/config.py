"""The settings of worker and beat."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from landfast_runtime.env import Env, load


@dataclass(frozen=True)
class WorkerSettings:
    """A worker's settings; beat shares the log level."""

    service: str
    log_level: str
    concurrency: int
    growth: int
    reload: bool

    @classmethod
    def from_env(cls, env: Env) -> WorkerSettings:
        """Read ``SERVICE_NAME``, ``LOG_LEVEL`` and a worker's own: ``WORKER_CONCURRENCY`` and so on."""
        return cls(
            service=env.text("SERVICE_NAME", default="worker"),
            log_level=env.text("LOG_LEVEL", default="INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR")),
            concurrency=env.integer("WORKER_CONCURRENCY", default=2, minimum=1, maximum=64),
            growth=env.integer("WORKER_GROWTH_MB", default=0, minimum=0, maximum=1_000_000),
            reload=env.boolean("WORKER_AUTORELOAD", default=False),
        )


@cache
def worker_settings() -> WorkerSettings:
    """Return the settings; bad ones stop the process with a line for each."""
    return load("worker", WorkerSettings.from_env)
