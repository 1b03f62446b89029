"""How much one visitor may write: enough for any reader, too little to bury the moderators."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.cache import cache
from django.utils.module_loading import import_string

if TYPE_CHECKING:
    from django.http import HttpRequest

#: Comments that one visitor may write within so many seconds.
COMMENTS, WITHIN = 20, 600


def may_comment(request: HttpRequest) -> bool:
    """Count one more comment of this visitor, and return whether it may be taken.

    The count lives in the cache. While that is away everybody may write: moderators read first anyway.
    """
    key = f"news.comments.{sha256(_visitor(request).encode()).hexdigest()}"
    cache.add(key, 0, WITHIN)
    try:
        return cache.incr(key) <= COMMENTS
    except ValueError:  # the cache is away, or the time was up just now
        return True


def _visitor(request: HttpRequest) -> str:
    """Return who writes: the account, or the address; ``NEWS_CLIENT_ADDRESS`` names a function that knows proxies."""
    if request.user.is_authenticated:
        return f"user {request.user.pk}"
    address = getattr(settings, "NEWS_CLIENT_ADDRESS", "")
    return str(import_string(address)(request) if address else request.META.get("REMOTE_ADDR", ""))
