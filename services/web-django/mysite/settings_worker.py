"""Django's settings as workers and beat use them: the site's own, without a pool. The lane ``mail`` sends mail."""

from __future__ import annotations

from typing import Any

from landfast_outbox.databases import KEEPALIVE
from mailer.config import mail_settings, mailer

from mysite.lanes import SENDS_MAIL
from mysite.settings import *  # noqa: F403 - tasks run the site's own code
from mysite.settings import DATABASES as SITE_DATABASES
from mysite.settings import INSTALLED_APPS

# Applications that only pages need, and that have no model: 13 MB in each process.
_FOR_PAGES = {"rest_framework", "django_filters", "drf_spectacular", "drf_spectacular_sidecar", "strawberry_django"}
INSTALLED_APPS = [app for app in INSTALLED_APPS if app not in _FOR_PAGES]

# Without an entry, Django refuses a letter in a worker that has no mail server's password.
MAILERS: dict[str, Any] = {}
if SENDS_MAIL:
    _mail = mail_settings()
    MAILERS["default"] = mailer(_mail)
    DEFAULT_FROM_EMAIL = _mail.sender

# Each of the worker's processes does one thing at a time: a pool would only hold threads that forks do not survive. Its
# connection stays: what runs a task notices a broken one, and tries again with another.
DATABASES = {
    "default": {
        **SITE_DATABASES["default"],
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": False,
        "OPTIONS": {"application_name": "web-worker", "connect_timeout": 5, **KEEPALIVE},
    }
}

# The worker sets its own logging up, before Django loads this.
globals()["LOGGING_CONFIG"] = None
