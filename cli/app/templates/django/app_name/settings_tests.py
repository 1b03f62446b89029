"""The tests' settings: no secret, and no static files that an image build has collected."""

from .settings import *  # noqa: F403 - the same in all else

SECRET_KEY = "of the tests"  # noqa: S105 - no secret
WHITENOISE_AUTOREFRESH = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
