"""The operators of tasks: a group with exactly the permissions for that."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import Group, Permission
from django.db import transaction

OPERATOR: Final = "operator"

_CODENAMES: Final = {"view_task", "redrive_task", "discard_task"}


@transaction.atomic
def ensure_role() -> int:
    """Create the group unless it exists, and return the number of created groups.

    An existing group keeps the changes that administrators have made.

    Raises:
        LookupError: a permission is missing; migrations must run first.
    """
    group, new = Group.objects.get_or_create(name=OPERATOR)
    if not new:
        return 0
    found = Permission.objects.filter(content_type__app_label="outbox", codename__in=_CODENAMES)
    if missing := _CODENAMES - {permission.codename for permission in found}:
        raise LookupError(f"there are no permissions {', '.join(sorted(missing))}: migrate first")
    group.permissions.set(found)
    return 1
