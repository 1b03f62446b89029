"""Scheduled maintenance: what strangers leave behind is deleted."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from axes.models import AccessAttempt
from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from quotas import rates

from accounts.models import User

#: The time for which an account is kept whose address is not verified, and that nobody uses.
UNVERIFIED_KEPT: Final = timedelta(days=30)

#: The most accounts that one run deletes, so that the run ends; the next one goes on.
AT_ONCE: Final = 10_000


def remove_expired_limits() -> int:
    """Delete wrong passwords and used up limits that count no more, and return their number."""
    began = timezone.now() - settings.AXES_COOLOFF_TIME
    attempts: int
    attempts, _by_model = AccessAttempt.objects.filter(attempt_time__lt=began).delete()
    return attempts + rates.remove_expired()


def remove_unverified_accounts() -> int:
    """Delete unverified accounts that nobody has used for :data:`UNVERIFIED_KEPT`, and return their number.

    Staff, and accounts that own anything (a comment, a token, a group), are kept.
    """
    before = timezone.now() - UNVERIFIED_KEPT
    owns_nothing = Q(groups=None, user_permissions=None)
    for relation in User._meta.related_objects:  # noqa: SLF001 - Django's documented way
        owns_nothing &= Q(**{f"{relation.name}__isnull": True})
    unused = User.objects.filter(
        owns_nothing, email_verified_at=None, is_staff=False, is_superuser=False, date_joined__lt=before
    ).exclude(last_login__gte=before)
    _total, by_model = User.objects.filter(pk__in=list(unused.values_list("pk", flat=True)[:AT_ONCE])).delete()
    return by_model.get("accounts.User", 0)
