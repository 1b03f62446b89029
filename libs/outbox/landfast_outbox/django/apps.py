"""The outbox as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OutboxConfig(AppConfig):
    """Durable tasks, for operators."""

    name = "landfast_outbox.django"
    label = "outbox"
    verbose_name = _("Durable tasks")
    default_auto_field = "django.db.models.BigAutoField"
