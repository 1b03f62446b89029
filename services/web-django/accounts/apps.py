"""The app's configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    """People who may log in."""

    name = "accounts"
    verbose_name = _("Accounts")
