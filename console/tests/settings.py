"""The real settings, with what would need a running service replaced."""

from console.settings import *  # noqa: F403 - the real settings are the point
from console.settings import DATABASES
from landfast_testing.postgres import server

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
# No image has been built: static files are served from where they were written, without a hash in their names.
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
