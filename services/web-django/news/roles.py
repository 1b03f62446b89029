"""Who does what in the newsroom: groups with exactly the permissions that their work needs."""

from __future__ import annotations

from typing import Final

from django.contrib.auth.models import Group, Permission
from django.db import transaction

EDITOR: Final = "editor"
MODERATOR: Final = "moderator"

_ALL = ("view", "add", "change", "delete")

#: Of each group and model: what its members may do. Neither may see, make or change accounts.
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
    """Make the groups that are not there and return how many were made.

    A group that is there keeps what administrators made of it.

    Raises:
        LookupError: a permission is missing; migrations come first.
    """
    made = 0
    for name, models in ROLES.items():
        group, new = Group.objects.get_or_create(name=name)
        if new:
            group.permissions.set(_permissions(models))
            made += 1
    return made


def _permissions(models: dict[str, tuple[str, ...]]) -> list[Permission]:
    """Return what a role may do."""
    codenames = {f"{action}_{model}" for model, actions in models.items() for action in actions}
    found = list(Permission.objects.filter(content_type__app_label="news", codename__in=codenames))
    missing = codenames - {permission.codename for permission in found}
    if missing:
        raise LookupError(f"there are no permissions {', '.join(sorted(missing))}: migrate first")
    return found
