"""Gunicorn's settings for the console, in addition to those that all Django projects share."""

from __future__ import annotations

from console.config import SERVICE, console, dependencies
from landfast_runtime.django.gunicorn import *  # noqa: F403 - Gunicorn reads the names of this file
from landfast_runtime.django.logs import gunicorn_logging

# Read in the master: an invalid value stops the service at once, instead of each new worker.
_console = console()
dependencies()
wsgi_app = "console.wsgi:application"
workers, threads = 1, 8  # operators are few; a report takes at most two seconds of a thread
logconfig_dict = gunicorn_logging(SERVICE, _console.log_level)
