"""Authentication and authorisation of callers."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import g, request

from api.db import transaction
from api.errors import ApiError
from api.keys import store

if TYPE_CHECKING:
    import uuid

#: The scopes of keys; ``flask keys create`` accepts no others.
SCOPES = {
    "datasets:read": "Read datasets",
    "datasets:write": "Upload and remove datasets",
    "reports:read": "Read reports",
    "reports:write": "Start and cancel reports",
    "tables:read": "Read the small tables",
    "tables:write": "Change the small tables",
}


@dataclass(frozen=True)
class Caller:
    """The caller of a request.

    Args:
        name: a unique name of the caller.
        key_id: the id of the API key, if the route needs one.
        requests_per_minute: the key's rate limit, unless it is the default.
        owner_id: the owner of the rows that the key makes, sees and changes.
    """

    name: str
    key_id: uuid.UUID | None = None
    requests_per_minute: int | None = None
    owner_id: uuid.UUID | None = None

    @property
    def owner(self) -> uuid.UUID:
        """The owner of the caller's rows.

        Raises:
            LookupError: the route needs no key, so that its caller owns nothing.
        """
        if self.owner_id is None:
            raise LookupError(f"{self.name} has no key, and owns nothing")
        return self.owner_id


def authorise(scope: str | None) -> Caller:
    """Authenticate the caller of the current request; :func:`caller` returns the same later.

    Args:
        scope: the scope that the caller's key must have; None needs no key.

    Raises:
        ApiError: the key is missing or invalid, or does not have the scope.
    """
    g.caller = Caller(f"address:{request.remote_addr}") if scope is None else _holder(scope)
    return caller()


def caller() -> Caller:
    """Return the caller of the current request."""
    found: Caller = g.caller
    return found


def _holder(scope: str) -> Caller:
    authorization = request.authorization
    text = authorization.token if authorization is not None and authorization.type == "bearer" else None
    if not text:
        raise ApiError(
            HTTPStatus.UNAUTHORIZED,
            "an API key is needed, as 'Authorization: Bearer lfk_...'",
            headers={"WWW-Authenticate": 'Bearer realm="api"'},
        )
    with transaction() as session:
        key = store.use(session, text)
        if key is None:
            raise ApiError(
                HTTPStatus.UNAUTHORIZED,
                "the API key is unknown, revoked or has expired",
                headers={"WWW-Authenticate": 'Bearer realm="api", error="invalid_token"'},
            )
        if scope not in key.scopes:
            raise ApiError(
                HTTPStatus.FORBIDDEN,
                f"the API key is not good for {scope!r}",
                headers={"WWW-Authenticate": f'Bearer realm="api", error="insufficient_scope", scope="{scope}"'},
            )
        return Caller(f"key:{key.id}", key.id, key.requests_per_minute, key.owner_id)
