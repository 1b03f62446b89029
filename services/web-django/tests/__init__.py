"""Tests of the Django service. They need no running stack: they have their own PostgreSQL, and publish nothing.

Importing this package creates the environment of the service's container, with secrets generated for this run. It
happens here because Django's settings read the environment, and all imports of tests import the settings.
"""

from __future__ import annotations

import atexit
import os
import secrets
import tempfile
from pathlib import Path

import django

SECRETS = (
    "django_secret_key",
    "admin_password",
    "postgres_password",
    "rabbitmq_password",
    "redis_password",
)

_folder = tempfile.TemporaryDirectory(prefix="web-django-tests-")
atexit.register(_folder.cleanup)
for _name in SECRETS:
    (Path(_folder.name) / _name).write_text(secrets.token_hex(32), encoding="utf-8")

#: Compose's variables. Nothing listens on port 1: requests that a test has not replaced reach no service.
VARIABLES = {
    "SECRETS_DIR": _folder.name,
    "POSTGRES_USER": "web",
    "POSTGRES_HOST": "127.0.0.1",
    "POSTGRES_PORT": "1",
    "RABBITMQ_USER": "web",
    "RABBITMQ_HOST": "127.0.0.1",
    "RABBITMQ_PORT": "1",
    "REDIS_HOST": "127.0.0.1",
    "REDIS_PORT": "1",
    "REDIS_CACHE_HOST": "127.0.0.1",
    "REDIS_CACHE_PORT": "1",
    "REDIS_USER": "web",
    "COOKIE_SECURE": "false",
}
# Hypothesis would store its tables of characters in the folder that the image is built from.
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = f"{_folder.name}/hypothesis"
os.environ.update(VARIABLES, DJANGO_SETTINGS_MODULE="tests.settings")
django.setup()
