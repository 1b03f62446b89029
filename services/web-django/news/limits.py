"""The rate limits of readers: enough for any of them, too low to flood moderators or mailboxes."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from django.http import HttpRequest

#: The number of comments that one visitor may write within a number of seconds.
COMMENTS, WITHIN = 20, 600


def may_comment(request: HttpRequest) -> bool:
    """Count one more comment of this visitor, and return whether it is accepted.

    The count is in the cache. While the cache is away, everybody may write: moderators read comments first anyway.
    """
    key = f"news.comments.{sha256(_visitor(request).encode()).hexdigest()}"
    cache.add(key, 0, WITHIN)
    try:
        return cache.incr(key) <= COMMENTS
    except ValueError:  # the cache is away, or the count has just expired
        return True


def may_send(request: HttpRequest, email: str) -> bool:
    """Return whether a letter may be sent, by the function that ``NEWS_LETTER_GATE`` names; without one, always.

    If not, the reader is not to see that. The function's exceptions are for the reader.
    """
    gate = getattr(settings, "NEWS_LETTER_GATE", "")
    return bool(import_string(gate)(request, email)) if gate else True


def _visitor(request: HttpRequest) -> str:
    """Return the visitor's key: the account, or the address by the function that ``NEWS_CLIENT_ADDRESS`` names."""
    if request.user.is_authenticated:
        return f"user {request.user.pk}"
    address = getattr(settings, "NEWS_CLIENT_ADDRESS", "")
    return str(import_string(address)(request) if address else request.META.get("REMOTE_ADDR", ""))
