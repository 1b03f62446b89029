"""The app's configuration."""

from django.apps import AppConfig


class QuotasConfig(AppConfig):
    """The app of limits."""

    name = "quotas"
