"""Logging configurations of a Django project behind Nginx, for Django's settings and for Gunicorn's."""

from __future__ import annotations

from typing import Any

from landfast_runtime.logs import logging_config


def django_logging(service: str, level: str) -> dict[str, Any]:
    """Return ``LOGGING``.

    Args:
        service: the Compose service's name.
        level: the root logger's level.
    """
    # Nginx logs every request with its status; Django only adds the traceback of one that crashed.
    crashes = {"()": "django.utils.log.CallbackFilter", "callback": lambda record: record.exc_info is not None}
    return logging_config(service, level) | {
        "filters": {"crashes": crashes},
        "loggers": {
            "django.request": {"level": "ERROR", "filters": ["crashes"]},
            # It warns at each HEAD request that Django leaves the removal of the body to the server.
            "gunicorn.http.wsgi": {"level": "ERROR"},
            "axes": {"level": "WARNING"},  # otherwise it logs each login
        },
    }


def gunicorn_logging(service: str, level: str) -> dict[str, Any]:
    """Return ``logconfig_dict``; arguments as for :func:`django_logging`."""
    return logging_config(service, level) | {
        # Gunicorn would give these loggers its own handlers; without them, their lines reach the root logger's.
        "loggers": {
            "gunicorn.error": {"handlers": [], "propagate": True},
            "gunicorn.access": {"handlers": [], "propagate": True, "level": "WARNING"},  # Nginx logs every request
        },
    }
