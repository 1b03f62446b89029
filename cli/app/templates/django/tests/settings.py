from app_name.settings import *  # noqa: F403 - all else as it is

SECRET_KEY = "of the tests"
# No image build has collected the static files.
WHITENOISE_AUTOREFRESH = True
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.InMemoryStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
