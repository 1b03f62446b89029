"""The Celery application; ``CELERY_…`` in the settings configures it."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "app_name.settings")

app = Celery("app_name")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["app_name"])
