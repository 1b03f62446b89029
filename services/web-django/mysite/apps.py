"""The project as an app: here the reusable apps' signals meet the workers' tasks."""

from django.apps import AppConfig
from django.contrib.admin import apps
from django.utils.translation import gettext_lazy as _


class MysiteConfig(AppConfig):
    """The site."""

    name = "mysite"
    verbose_name = _("Site")

    def ready(self) -> None:
        """Connect the receivers, and let tasks be written in the transaction that they come from."""
        from landfast_outbox.django.database import use_django  # noqa: PLC0415

        from mysite import celery, receivers  # noqa: F401, PLC0415 - tasks are of this application; models come first

        use_django()
        receivers.connect()


class Admin(apps.AdminConfig):
    """Django's admin with a site of ours."""

    default = False  # this module's own app is the one above
    default_site = "mysite.admin_site.Site"
