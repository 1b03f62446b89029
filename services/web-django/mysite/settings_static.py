"""The settings that depend on no variable, no secret and no service: installed apps and static files.

Complete enough by itself for the image build (``manage.py collectstatic --settings mysite.settings_static``) and for
the type checker. It has no secret key and no URLs, so nothing could ever be served with it.
"""

from __future__ import annotations

from pathlib import Path

import django_stubs_ext

from mysite.settings_accounts import *  # noqa: F403 - they depend on nothing, and Django wants them here

# Before any app is loaded: their admins, forms and views name the model that they are for.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

INSTALLED_APPS = [
    "mysite",  # first: its templates dress the admin
    "accounts",
    "news",
    "landfast_runtime.django",
    "mysite.apps.Admin",  # Django's admin, with a site of ours
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",  # full-text search
    "django.contrib.sitemaps",
    "mysite.rest",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "strawberry_django",
    "django_celery_beat",
    "axes",
]

SITE_URL = ""  # the public address; no page is ever made with these settings
DEBUG_PAGES = False  # on a laptop, settings.py says otherwise
AUTH_USER_MODEL = "accounts.User"
FORM_RENDERER = "mysite.forms.Renderer"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

#: The volume that pictures are on; Nginx serves it.
MEDIA_ROOT = "/var/lib/media"
MEDIA_URL = "/media/"

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # Names carry a hash of the content, so browsers may keep them for good; gzipped copies are made at build time.
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
