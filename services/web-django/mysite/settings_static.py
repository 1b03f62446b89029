"""The settings that depend on no variable, secret or service: installed apps and static files.

They are enough for the image build (``manage.py collectstatic --settings mysite.settings_static``) and for the type
checker. Without a secret key and URLs, nothing can be served with them.
"""

from __future__ import annotations

from pathlib import Path

import django_stubs_ext

from mysite.settings_accounts import *  # noqa: F403 - Django expects them here

# Before any app is loaded: their generic admins, forms and views have their model as a type parameter.
django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent

INSTALLED_APPS = [
    "mysite",  # first: its templates override the admin's
    "accounts",
    "news",
    "quotas",
    "landfast_runtime.django",
    "mysite.apps.Admin",  # Django's admin, with our own site
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

SITE_URL = ""  # the public address; no page is rendered with these settings
LETTERS_PER_HOUR = 20  # at the request of one address; settings.py has the variable of that name
DEBUG_PAGES = False  # settings.py overrides it on a laptop
AUTH_USER_MODEL = "accounts.User"
FORM_RENDERER = "mysite.forms.Renderer"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "staticfiles"

#: The volume of pictures, which Nginx serves.
MEDIA_ROOT = "/var/lib/media"
MEDIA_URL = "/media/"

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # File names have a hash of the content, so browsers may cache them for ever; gzipped copies are made at build time.
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
