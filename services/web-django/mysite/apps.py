"""The project as an app, which connects the reusable apps' signals with tasks."""

from django.apps import AppConfig
from django.contrib.admin import apps
from django.utils.translation import gettext_lazy as _


class MysiteConfig(AppConfig):
    """The site."""

    name = "mysite"
    verbose_name = _("Site")

    def ready(self) -> None:
        """Connect the receivers, and make tasks part of the current transaction."""
        from landfast_outbox.django.database import use_django  # noqa: PLC0415

        from mysite import celery, receivers  # noqa: F401, PLC0415 - registers this application's tasks; needs the models

        use_django()
        receivers.connect()


class Admin(apps.AdminConfig):
    """Django's admin with our own site."""

    default = False  # this module's default app is the one above
    default_site = "mysite.admin_site.Site"
