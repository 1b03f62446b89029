"""The app's configuration."""

from importlib import import_module

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class NewsConfig(AppConfig):
    """Articles and their pages."""

    name = "news"
    verbose_name = _("News")

    def ready(self) -> None:
        """Connect the receivers for covers."""
        import_module("news.receivers")
