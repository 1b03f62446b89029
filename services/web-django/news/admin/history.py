"""Records of actions in the history of each changed object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.admin.models import CHANGE, LogEntry
from django.utils.translation import gettext

if TYPE_CHECKING:
    from collections.abc import Sequence

    from django.db.models import Model
    from django.db.models.enums import Choices
    from django.http import HttpRequest


def log_status(request: HttpRequest, objects: Sequence[Model], status: Choices) -> None:
    """Write the new status into each object's history."""
    if request.user.pk is not None:
        message = [{"changed": {"fields": [f"{gettext('status')}: {status.label}"]}}]
        LogEntry.objects.log_actions(request.user.pk, objects, CHANGE, message)
