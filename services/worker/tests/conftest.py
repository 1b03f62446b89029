"""Settings for tests: made-up secrets, a database, no broker and no Redis. Read before any module of the worker is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from landfast_testing.postgres import server

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

# Django's own checks, which Celery asks for when it loads tasks, look at the database.
_postgres = server()
_postgres.make_database("landfast")

os.environ |= {
    "SECRETS_DIR": str(_secrets),
    "RABBITMQ_HOST": "127.0.0.1",
    "RABBITMQ_PORT": "1",
    "RABBITMQ_USER": "worker",
    "REDIS_HOST": "127.0.0.1",
    "REDIS_PORT": "1",
    "REDIS_CACHE_HOST": "127.0.0.1",
    "REDIS_CACHE_PORT": "1",
    "POSTGRES_HOST": _postgres.host,
    "POSTGRES_PORT": str(_postgres.port),
    "POSTGRES_USER": _postgres.user,
}
