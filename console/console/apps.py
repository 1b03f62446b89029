"""The console as an app, and Django's admin with the console's site."""

from django.apps import AppConfig
from django.contrib.admin import apps


class ConsoleConfig(AppConfig):
    """Templates and commands."""

    name = "console"


class Admin(apps.AdminConfig):
    """Django's admin, whose front page is the console's."""

    default = False  # the default app of this module is ConsoleConfig
    default_site = "console.site.Site"
