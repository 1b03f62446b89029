"""The settings that depend on no variable and no secret: enough to gather static files, and for the type checker."""

from __future__ import annotations

from pathlib import Path

import django_stubs_ext

# Before any app is loaded: admins name the model that they are for.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

INSTALLED_APPS = [
    "console",  # first: its templates dress the admin
    "landfast_outbox.django",
    "landfast_runtime.django",
    "console.apps.Admin",  # Django's admin, with the console's own site
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "axes",
]

STATIC_URL = "/console/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

STORAGES = {
    # Names carry a hash of the content, so browsers may keep them for good; gzipped copies are made at build time.
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
