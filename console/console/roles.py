"""The rights of operators: to read, and to steer. Groups have them, so that a new operator gets a group."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import Group, Permission, User
from django.db import transaction
from landfast_outbox.django.roles import OPERATOR, ensure_role

READER: Final = "reader"


@transaction.atomic
def ensure_roles() -> int:
    """Make the groups unless they exist, and return the number of new ones.

    Before there was a right to steer, every account could: those that exist already keep it. An existing group keeps
    the changes that administrators have made.

    Raises:
        LookupError: a permission is missing; migrations must run first.
    """
    made = ensure_role()
    reader, is_new = Group.objects.get_or_create(name=READER)
    if not is_new:
        return made
    steer, view = permission("console", "steer"), permission("outbox", "view_task")
    reader.permissions.set([view])
    Group.objects.get(name=OPERATOR).permissions.add(steer)
    for user in User.objects.filter(is_staff=True, is_superuser=False):
        user.user_permissions.add(steer)
    return made + 1


def permission(app: str, codename: str) -> Permission:
    """Return a permission.

    Raises:
        LookupError: it is missing.
    """
    found = Permission.objects.filter(content_type__app_label=app, codename=codename).first()
    if found is None:
        raise LookupError(f"there is no permission {app}.{codename}: migrate first")
    return found
