"""Settings for tests: made-up secrets, addresses where nothing listens. Read before any module of the worker is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_secrets = Path(tempfile.mkdtemp(prefix="worker-tests-"))
for _name in (
    "rabbitmq_password",
    "redis_password",
    "flower_password",
    "redis_cache_password",
    "postgres_password",
    "django_secret_key",
):
    (_secrets / _name).write_text("only-for-tests-0123456789-0123456789")

os.environ |= {
    "SECRETS_DIR": str(_secrets),
    "RABBITMQ_HOST": "127.0.0.1",
    "RABBITMQ_PORT": "1",
    "RABBITMQ_USER": "worker",
    "REDIS_HOST": "127.0.0.1",
    "REDIS_PORT": "1",
    "REDIS_CACHE_HOST": "127.0.0.1",
    "REDIS_CACHE_PORT": "1",
    "POSTGRES_HOST": "127.0.0.1",
    "POSTGRES_PORT": "1",
    "POSTGRES_USER": "worker",
}
