"""The real settings, with what would need a running service replaced."""

from landfast_testing.postgres import server
from mysite.settings import *  # noqa: F403 - the real settings are the point
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
# No image has been built: static files are served from where they were written, without a hash in their names.
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
# Letters are collected, as Django's test runner does by itself for whatever is configured here.
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}
# The project's own hasher at next to no cost, as tests hash hundreds of passwords; test_hashers.py holds the real cost.
PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]
