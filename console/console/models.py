"""The console has no table of its own, only a permission."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class Operations(models.Model):  # noqa: DJ008 - it has no rows
    """The subject of the permission: workers, queues and tasks."""

    class Meta:
        """No table, and no permission but this one."""

        managed = False
        default_permissions = ()
        permissions = (("steer", _("May stop workers, revoke tasks, purge queues")),)
