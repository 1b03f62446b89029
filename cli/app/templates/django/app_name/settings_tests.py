"""The tests' settings: without secrets, and without static files, which only an image has collected."""

from .settings import *  # noqa: F403 - all other settings are the same

SECRET_KEY = "of the tests"  # noqa: S105 - no secret
WHITENOISE_AUTOREFRESH = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
