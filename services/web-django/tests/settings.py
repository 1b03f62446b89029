"""The real settings, without dependencies on running services."""

from landfast_testing.postgres import server
from mysite.settings import *  # noqa: F403 - tests use the real settings
from mysite.settings import DATABASES

_postgres = server()
DATABASES = {
    "default": {
        "ENGINE": DATABASES["default"]["ENGINE"],
        "NAME": "landfast",
        "USER": _postgres.user,
        "HOST": _postgres.host,
        "PORT": str(_postgres.port),
    }
}
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
# No image has been built: static files are served from their source directories, without a hash in their names.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
# Mails are collected: Django's test runner does that itself for every configured mailer.
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
# The project's own hasher at next to no cost, because tests hash hundreds of passwords; test_hashers.py tests the real
# cost.
PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]
