"""The minimal Django settings for the outbox's app; for the type checker."""

import django_stubs_ext

django_stubs_ext.monkeypatch()

SECRET_KEY = "not-a-secret"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "landfast_outbox.django",
]
