"""Django's settings as workers and beat use them: the site's own, with mail that goes out, and no pool."""

from __future__ import annotations

from landfast_outbox.databases import KEEPALIVE
from mailer.config import mail_settings
from mailer.conversation import Limits

from mysite.settings import *  # noqa: F403 - tasks run the site's own code
from mysite.settings import DATABASES as SITE_DATABASES
from mysite.settings import INSTALLED_APPS

# What pages alone need, and no model stands in: 13 MB in each process.
_FOR_PAGES = {"rest_framework", "django_filters", "drf_spectacular", "drf_spectacular_sidecar", "strawberry_django"}
INSTALLED_APPS = [app for app in INSTALLED_APPS if app not in _FOR_PAGES]

_mail = mail_settings()
MAILERS = {
    "default": {
        "BACKEND": "mailer.backend.StepwiseBackend",
        "OPTIONS": {
            "host": _mail.host,
            "port": _mail.port,
            "use_tls": _mail.tls == "starttls",
            "use_ssl": _mail.tls == "implicit",
            "username": _mail.user or "",
            "password": _mail.password or "",
            "timeout": _mail.connect_timeout,
            "limits": Limits(_mail.reply_timeout, _mail.end_timeout),
        },
    },
}
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
