"""The commands as a Django app."""

from django.apps import AppConfig


class RuntimeConfig(AppConfig):
    """``manage.py pending``, for any project."""

    name = "landfast_runtime.django"
    label = "runtime"
