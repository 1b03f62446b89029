"""Gunicorn's settings for the site, beside those that Django projects share."""

from __future__ import annotations

from landfast_runtime.django.gunicorn import *  # noqa: F403 - Gunicorn reads this module's names
from landfast_runtime.django.gunicorn import renewed
from landfast_runtime.django.logs import gunicorn_logging
from mysite.config import SERVICE, site

# Read in the master: a bad value stops the service at once instead of one worker after another.
_site = site()
wsgi_app = "mysite.wsgi:application"
workers, threads, reload = _site.workers, _site.threads, _site.live_reload
post_worker_init = renewed(_site.growth, beside=256 << 20)  # for the process that opens a picture: news/decoding.py
timeout = 60  # seconds without a heartbeat after which a worker is replaced
logconfig_dict = gunicorn_logging(SERVICE, _site.log_level)
