"""Creation, look-up and revocation of API keys."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import select

from api.keys import tokens
from api.keys.models import ApiKey

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterable, Sequence

    from sqlalchemy.orm import Session

#: The precision of a key's last use: a write for every request would cost more than the request.
USE_NOTED_EVERY = timedelta(minutes=1)


def create(
    session: Session,
    name: str,
    scopes: Iterable[str],
    *,
    requests_per_minute: int | None = None,
    lasts: timedelta | None = None,
    owner: uuid.UUID | None = None,
) -> str:
    """Create a key and return its text, which cannot be read again.

    Args:
        session: the transaction.
        name: the key's owner and purpose.
        scopes: the key's scopes.
        requests_per_minute: its rate limit, unless it is the default.
        lasts: its validity; for ever by default.
        owner: the owner of its rows; a new one by default.
    """
    key = tokens.make()
    expires_at = datetime.now(UTC) + lasts if lasts else None
    session.add(
        ApiKey(
            name=name,
            prefix=key.prefix,
            digest=key.digest,
            scopes=sorted(set(scopes)),
            owner=owner,
            requests_per_minute=requests_per_minute,
            expires_at=expires_at,
        )
    )
    session.flush()
    return key.text


def everything(session: Session) -> Sequence[ApiKey]:
    """Return all keys, the oldest first."""
    return session.scalars(select(ApiKey).order_by(ApiKey.created_at, ApiKey.prefix)).all()


def find(session: Session, prefix: str) -> ApiKey:
    """Return the key with a prefix.

    Raises:
        LookupError: there is no such key.
    """
    key = session.scalar(select(ApiKey).where(ApiKey.prefix == prefix))
    if key is None:
        raise LookupError(f"there is no key {prefix!r}")
    return key


def revoke(session: Session, prefix: str) -> ApiKey:
    """Revoke a key, at once and for good.

    Raises:
        LookupError: there is no such key.
    """
    key = find(session, prefix)
    key.revoked_at = key.revoked_at or datetime.now(UTC)
    return key


def use(session: Session, text: str) -> ApiKey | None:
    """Return the key with a text, if it is valid, and record its use."""
    prefix = tokens.prefix_of(text)
    key = session.scalar(select(ApiKey).where(ApiKey.prefix == prefix)) if prefix else None
    if key is None or not tokens.is_same(text, key.digest):
        return None
    now = datetime.now(UTC)
    if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= now):
        return None
    if key.last_used_at is None or now - key.last_used_at >= USE_NOTED_EVERY:
        key.last_used_at = now
    return key
