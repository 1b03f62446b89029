"""The real settings, with replacements for the parts that need a running service."""

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
PASSWORD_HASHERS = ["tests.hashers.QuickArgon2"]
# Without a built image static files are served from their sources, without a hash in their names.
STORAGES = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_AUTOREFRESH = True
WHITENOISE_USE_FINDERS = True
