"""Tests of the console. They need no running stack: only a PostgreSQL of their own.

The import of this package sets the environment of the console's container, with random secrets for this run. It must
come first, because Django's settings read the environment, and all tested modules import the settings.
"""

from __future__ import annotations

import atexit
import json
import os
import secrets
import tempfile
from pathlib import Path

import django

SECRETS = (
    "console_secret_key",
    "operator_password",
    "postgres_password",
    "rabbitmq_password",
    "redis_password",
)

_folder = tempfile.TemporaryDirectory(prefix="console-tests-")
atexit.register(_folder.cleanup)
for _name in SECRETS:
    (Path(_folder.name) / _name).write_text(secrets.token_hex(32), encoding="utf-8")
ASKED = {"shop": {}, "shop-worker": {"queue": "celery", "vhost": "shop"}}
VHOSTS = {"landfast": {"port": 5555, "path": "/flower/"}, "shop": {"port": 5556, "path": "/flower/vhost/shop/"}}
for _name, _content in (("readiness", ASKED), ("vhosts", VHOSTS), ("databases", {"shop": "shop"})):
    (Path(_folder.name) / f"{_name}.json").write_text(json.dumps(_content), encoding="utf-8")

#: The variables from Compose. No service listens on port 1, so a connection that a test does not replace fails.
VARIABLES = {
    "SECRETS_DIR": _folder.name,
    "POSTGRES_USER": "console",
    "POSTGRES_HOST": "127.0.0.1",
    "POSTGRES_PORT": "1",
    "RABBITMQ_USER": "console",
    "RABBITMQ_HOST": "127.0.0.1",
    "RABBITMQ_PORT": "1",
    "REDIS_USER": "console",
    "REDIS_HOST": "127.0.0.1",
    "REDIS_PORT": "1",
    "REDIS_CACHE_HOST": "127.0.0.1",
    "REDIS_CACHE_PORT": "1",
    "COOKIE_SECURE": "false",
}
os.environ.update(VARIABLES, DJANGO_SETTINGS_MODULE="tests.settings")
django.setup()
