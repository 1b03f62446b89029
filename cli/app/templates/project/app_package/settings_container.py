"""The settings in containers: the project's own, with the stack's database, broker and addresses.

Variables come from ``x-environment`` in compose.yaml. Without them the settings are enough to collect the static files
while the image is built.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from django.conf import global_settings
from django.http import HttpRequest, HttpResponse

from .app_settings import *  # noqa: F403 - all other settings are the same

Respond = Callable[[HttpRequest], HttpResponse]


def healthz(respond: Respond) -> Respond:
    """Answer ``/healthz``: this process serves. It does not ask the database, whose failure must not restart it."""

    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse("ok\n", content_type="text/plain") if request.path == "/healthz" else respond(request)

    return answer


DEBUG = False
SECRET_KEY = os.environ.get("SECRET_KEY", "")  # Django refuses to use an empty one
ALLOWED_HOSTS = [*os.environ.get("ALLOWED_HOSTS", "").split(","), "127.0.0.1"]  # the last one is for the health check
# Nginx sends the protocol of the request.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ.get("DATABASE_HOST", ""),
        "NAME": os.environ.get("DATABASE_NAME", ""),
        "USER": os.environ.get("DATABASE_USER", ""),
        "PASSWORD": os.environ.get("DATABASE_PASSWORD", ""),
        "CONN_MAX_AGE": 60,  # seconds
        "CONN_HEALTH_CHECKS": True,
    },
}

WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
MIDDLEWARE = [f"{__name__}.healthz", WHITENOISE, *(each for each in MIDDLEWARE if each != WHITENOISE)]  # noqa: F405
STATIC_ROOT = Path("/var/lib/static")  # part of the image: the Dockerfile collects them
STORAGES = {
    **globals().get("STORAGES", global_settings.STORAGES),
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

CELERY_BROKER_URL = os.environ.get("CELERY_BROKER_URL", "")
CELERY_RESULT_BACKEND = "rpc://"  # results go through the broker to the sender of the task
