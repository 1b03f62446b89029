"""The app's configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RestConfig(AppConfig):
    """The REST interface and its tokens."""

    name = "mysite.rest"
    label = "rest"
    verbose_name = _("REST interface")
