"""Rates, and the allowances that visitors take from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from django.db import connection, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from quotas.models import Allowance

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.utils.functional import _StrPromise

#: Adds one use, unless too many were added before; the row's lock excludes a second count of the same subject.
_TAKE: Final = """
INSERT INTO quotas_allowance AS held (key, full_at)
VALUES (%(key)s, clock_timestamp() + %(step)s * interval '1 second')
ON CONFLICT (key) DO UPDATE
SET full_at = greatest(held.full_at, clock_timestamp()) + %(step)s * interval '1 second'
WHERE held.full_at <= clock_timestamp() + %(room)s * interval '1 second'
RETURNING 1
"""
_WAIT: Final = """
SELECT extract(epoch FROM full_at - clock_timestamp()) - %(room)s FROM quotas_allowance WHERE key = %(key)s
"""
_GIVE_BACK: Final = """
UPDATE quotas_allowance SET full_at = full_at - %(step)s * interval '1 second' WHERE key = %(key)s
"""


class ExceededError(Exception):
    """A visitor has done too much of something.

    Args:
        message: the reason, for the visitor.
        wait: the seconds until the next attempt may succeed.
    """

    def __init__(self, message: str | _StrPromise, wait: float = 1) -> None:
        super().__init__(message)
        self.message = message
        self.wait = max(1, round(wait))


@dataclass(frozen=True)
class Rate:
    """How often a subject may do something: at once the whole number, and then again one by one.

    Args:
        name: the name, which is part of each row's key.
        count: the number of times.
        within: the seconds in which so many are admitted again.
    """

    name: str
    count: int
    within: float

    def values(self, subject: str) -> dict[str, str | float]:
        """Return the values of the statements for a subject."""
        step = self.within / self.count
        return {"key": self.key(subject), "step": step, "room": self.within - step}

    def key(self, subject: str) -> str:
        """Return the key of a subject's row."""
        return salted_hmac(f"quotas.{self.name}", subject, algorithm="sha256").hexdigest()


#: Something that counts for a subject.
type Take = tuple[Rate, str]


def take(takes: Iterable[Take]) -> float:
    """Count once for each subject, or for none if one of them has used up its rate.

    Returns:
        0; or the seconds after which the used up rate admits the next.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        # In the order of the keys: two visitors never wait for each other.
        for values in sorted((rate.values(subject) for rate, subject in takes), key=lambda values: str(values["key"])):
            cursor.execute(_TAKE, values)
            if cursor.fetchone() is None:
                cursor.execute(_WAIT, values)
                row = cursor.fetchone()
                transaction.set_rollback(True)
                return max(1.0, float(row[0])) if row else 1.0
    return 0


def give_back(takes: Iterable[Take]) -> None:
    """Undo the count of :func:`take`."""
    with connection.cursor() as cursor:
        for values in sorted((rate.values(subject) for rate, subject in takes), key=lambda values: str(values["key"])):
            cursor.execute(_GIVE_BACK, values)


def forget(rate: Rate, subject: str) -> bool:
    """Delete a subject's count, and return whether there was any."""
    deleted, _by_model = Allowance.objects.filter(pk=rate.key(subject)).delete()
    return bool(deleted)


def remove_expired() -> int:
    """Delete the rows that are whole again, and return their number."""
    deleted, _by_model = Allowance.objects.filter(full_at__lt=timezone.now()).delete()
    return deleted
