"""The settings that need no variable and no secret, for collecting static files and for the type checker."""

from __future__ import annotations

from pathlib import Path

import django_stubs_ext

# Before any app is loaded, because admin classes are generic in their model.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

INSTALLED_APPS = [
    "console",  # first: its templates override the admin's
    "landfast_outbox.django",
    "landfast_runtime.django",
    "console.apps.Admin",  # Django's admin, with the console's own site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
]

MIDDLEWARE = ["allauth.account.middleware.AccountMiddleware"]  # allauth does not load without it

SECOND_FACTOR_IS_REQUIRED = True

STATIC_URL = "/console/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

STORAGES = {
    # Names contain a hash of the content, so browsers may cache the files for good; the build makes gzipped copies.
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
