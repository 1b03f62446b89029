"""The roles of the newsroom: groups with exactly the permissions for their work."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import Group, Permission
from django.db import transaction

EDITOR: Final = "editor"
MODERATOR: Final = "moderator"

_ALL = ("view", "add", "change", "delete")

#: The permissions of each group by model. No group may view, create or change accounts.
ROLES: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    EDITOR: {
        "article": (*_ALL, "publish"),
        "category": _ALL,
        "tag": _ALL,
        "rendition": ("view",),
        "comment": ("view",),
        "newsletterissue": (*_ALL, "send"),
    },
    MODERATOR: {
        "comment": ("view", "change", "delete"),
    },
}


@transaction.atomic
def ensure_roles() -> int:
    """Create the missing groups and return their number.

    An existing group keeps the changes that administrators have made.

    Raises:
        LookupError: a permission is missing; migrations must run first.
    """
    made = 0
    for name, models in ROLES.items():
        group, new = Group.objects.get_or_create(name=name)
        if new:
            group.permissions.set(_permissions(models))
            made += 1
    return made


def _permissions(models: dict[str, tuple[str, ...]]) -> list[Permission]:
    """Return the permissions of a role."""
    codenames = {f"{action}_{model}" for model, actions in models.items() for action in actions}
    found = list(Permission.objects.filter(content_type__app_label="news", codename__in=codenames))
    missing = codenames - {permission.codename for permission in found}
    if missing:
        raise LookupError(f"there are no permissions {', '.join(sorted(missing))}: migrate first")
    return found
