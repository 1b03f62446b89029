"""Django's settings for workers and beat: the site's own, without a pool. The lane ``mail`` sends mail."""

from __future__ import annotations

from typing import Any

from landfast_outbox.databases import KEEPALIVE
from mailer.config import mail_settings, mailer

from mysite.lanes import SENDS_MAIL
from mysite.settings import *  # noqa: F403 - tasks run the site's own code
from mysite.settings import DATABASES as SITE_DATABASES
from mysite.settings import INSTALLED_APPS

# Apps without models that only pages need: 13 MB in each process.
_FOR_PAGES = {"rest_framework", "django_filters", "drf_spectacular", "drf_spectacular_sidecar", "strawberry_django"}
INSTALLED_APPS = [app for app in INSTALLED_APPS if app not in _FOR_PAGES]
# The admin's models without its pages: 2 MB in each process.
INSTALLED_APPS[INSTALLED_APPS.index("mysite.apps.Admin")] = "django.contrib.admin.apps.SimpleAdminConfig"

# Without an entry, Django refuses to send mail in a worker without the mail server's password.
MAILERS: dict[str, Any] = {}
if SENDS_MAIL:
    _mail = mail_settings()
    MAILERS["default"] = mailer(_mail)
    DEFAULT_FROM_EMAIL = _mail.sender

# Each process of the worker runs one task at a time: a pool would only have threads, which do not survive forks. The
# connection stays open: the consumer notices a broken one, and retries with another.
DATABASES = {
    "default": {
        **SITE_DATABASES["default"],
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": {"application_name": "web-worker", "connect_timeout": 5, **KEEPALIVE},
    }
}

# The worker sets up its own logging before Django loads this.
globals()["LOGGING_CONFIG"] = None
