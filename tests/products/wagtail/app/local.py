"""Differences from the settings that ``wagtail start`` makes; ``production.py`` there takes this in."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from cms.settings.base import INSTALLED_APPS, MIDDLEWARE  # type: ignore[import-not-found] # the image alone has it

SITE_URL = os.environ["SITE_URL"]
SECRET_KEY = os.environ["SECRET_KEY"]
WAGTAILADMIN_BASE_URL = SITE_URL
ALLOWED_HOSTS = [urlsplit(SITE_URL).hostname, "127.0.0.1"]  # visitors, and the health check

# Nginx speaks TLS.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SITE_URL.startswith("https:")

INSTALLED_APPS.append("django.contrib.postgres")  # Wagtail's search wants it
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ.get("DATABASE_HOST"),
        "NAME": os.environ.get("DATABASE_NAME"),
        "USER": os.environ.get("DATABASE_USER"),
        "PASSWORD": os.environ.get("DATABASE_PASSWORD"),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }
}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": os.environ.get("CACHE_URL"),
        "KEY_PREFIX": "wagtail",  # keys of the contract's user
    }
}

# Nginx asks for each file once.
MIDDLEWARE.insert(1, "whitenoise.middleware.WhiteNoiseMiddleware")
MEDIA_ROOT = "/var/lib/wagtail"

MAILERS = {
    "default": {
        "BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "OPTIONS": {
            "host": os.environ.get("EMAIL_HOST"),
            "port": os.environ.get("EMAIL_PORT"),
            "username": os.environ.get("EMAIL_HOST_USER"),
            "password": os.environ.get("EMAIL_HOST_PASSWORD"),
            "use_tls": os.environ.get("EMAIL_USE_TLS") == "true",
            "use_ssl": os.environ.get("EMAIL_USE_SSL") == "true",
            "timeout": 10,
        },
    }
}
DEFAULT_FROM_EMAIL = SERVER_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL")
