"""Execution of a repeated request only once.

The response is stored in the transaction of the effect: either both are there or neither, whatever dies in between.
Errors are not stored: they had no effect, and the next attempt may succeed.
https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Response, request
from sqlalchemy import delete, func, select, tuple_

from api.db import joined_transaction
from api.errors import ApiError
from api.idempotency.models import StoredAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

    from api.access import Caller

HEADER = "Idempotency-Key"

#: The header that marks a stored response.
REPLAYED = "Idempotent-Replayed"

#: The format of a key; the draft's quotes around it are part of it.
SHAPE = re.compile(r"[\x21-\x7e]{1,255}", re.ASCII)

#: The time for which a key is stored: longer than any sensible client retries.
REMEMBERED = timedelta(hours=24)

#: The number of old responses that are removed when a new one is stored, so that the table stays small.
SWEPT = 20

#: Headers that are stored with a response; the others belong to the request, not to the effect.
STORED_HEADERS = ("Content-Type", "Location", "ETag")


def run_once(caller: Caller, call: Callable[[], Response]) -> Response:
    """Return the response of ``call``, or the stored one if this request is repeated.

    Args:
        caller: the owner of the key: keys are separate for each caller.
        call: has the effect, in transactions of :func:`api.db.transaction`.

    Raises:
        ApiError: the key is malformed, was used for another request, or its request is still running.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return call()
    if not SHAPE.fullmatch(key):
        message = f"{HEADER!r} must be 1 to 255 visible ASCII characters"
        raise ApiError(HTTPStatus.BAD_REQUEST, message, field=HEADER)
    with joined_transaction() as session:
        if not session.scalar(select(func.pg_try_advisory_xact_lock(_lock(caller, key)))):
            message = f"a request with this {HEADER} is still running; try again in a moment"
            raise ApiError(HTTPStatus.CONFLICT, message, field=HEADER, headers={"Retry-After": "1"})
        stored = session.get(StoredAnswer, (caller.name, request.path, key))
        if stored is not None and stored.expires_at > datetime.now(UTC):
            return _replay(stored)
        if stored is not None:
            session.delete(stored)
            session.flush()
        response = call()
        _store(session, caller, key, response)
        return response


def _lock(caller: Caller, key: str) -> int:
    """Return the number of the advisory lock of a caller's key, which PostgreSQL releases with the transaction."""
    text = f"{caller.name}\0{request.path}\0{key}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], signed=True)


def _fingerprint() -> bytes:
    return hashlib.sha256(request.mimetype.encode() + b"\0" + request.get_data(cache=True)).digest()


def _replay(stored: StoredAnswer) -> Response:
    if stored.fingerprint != _fingerprint():
        message = f"this {HEADER} was used for another request; take a new one"
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, message, field=HEADER)
    response = Response(stored.body, stored.status, headers=stored.headers)
    response.headers[REPLAYED] = "true"
    return response


def _store(session: Session, caller: Caller, key: str, response: Response) -> None:
    headers = {name: response.headers[name] for name in STORED_HEADERS if name in response.headers}
    session.add(
        StoredAnswer(
            caller=caller.name,
            path=request.path,
            key=key,
            fingerprint=_fingerprint(),
            status=response.status_code,
            headers=headers,
            body=response.get_data(),
            expires_at=datetime.now(UTC) + REMEMBERED,
        )
    )
    remove_expired(session, at_most=SWEPT)


def remove_expired(session: Session, at_most: int) -> int:
    """Remove expired responses, and return their number.

    Args:
        session: the transaction.
        at_most: the most responses, the oldest first; rows that another transaction removes are skipped.
    """
    identity = (StoredAnswer.caller, StoredAnswer.path, StoredAnswer.key)
    old = (
        select(*identity)
        .where(StoredAnswer.expires_at <= func.now())
        .order_by(StoredAnswer.expires_at)
        .limit(at_most)
        .with_for_update(skip_locked=True)
    )
    removed = session.execute(delete(StoredAnswer).where(tuple_(*identity).in_(old)).returning(StoredAnswer.key))
    return len(removed.all())
