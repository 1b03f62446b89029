"""Rows of owners: a key sees and changes the rows of its own owner only; all others are not there for it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from api.access import caller
from api.errors import ApiError
from api.models import Owned

if TYPE_CHECKING:
    import uuid
    from collections.abc import Sequence

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import Session
    from sqlalchemy.orm.interfaces import ORMOption

#: The status of a request for which its owner has no room left.
FULL = HTTPStatus.CONFLICT


def mine(model: type[Owned]) -> ColumnElement[bool]:
    """Return the condition that a row belongs to the caller's owner."""
    return model.owner == caller().owner


def find_mine[Row: Owned](
    session: Session,
    model: type[Row],
    row_id: uuid.UUID,
    *,
    options: Sequence[ORMOption] = (),
    for_update: bool = False,
) -> Row | None:
    """Return a row of the caller's owner; None if there is none with this id, or if it is another's.

    Args:
        session: the transaction.
        model: the table; its primary key is a UUID named ``id``.
        row_id: the row's id.
        options: what to load with it.
        for_update: whether to lock it.
    """
    row = session.get(model, row_id, options=options, with_for_update=for_update or None)
    return row if row is not None and row.owner == caller().owner else None


def check_room(session: Session, model: type[Owned], most: int, words: str) -> None:
    """Make sure that the caller's owner may make another row.

    Requests at the same moment may each find the last place: the bound is exceeded by as many at most.

    Args:
        session: the transaction.
        model: the table.
        most: the most rows of one owner.
        words: the rows in words, for the message.

    Raises:
        ApiError: the owner has that many.
    """
    if (session.scalar(select(func.count()).select_from(model).where(mine(model))) or 0) >= most:
        raise ApiError(FULL, f"the owner of this API key has {most} {words}, the most; remove some first")
