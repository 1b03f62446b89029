"""Rows that no key reaches: those without an owner, and those whose owner's keys have all ended long ago."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import delete, exists, func, or_, select, update
from sqlalchemy.orm import aliased

from api.crud.models import Label, Unit
from api.datasets.models import Dataset
from api.keys.models import ApiKey
from api.reports.models import Report

if TYPE_CHECKING:
    import uuid

    from sqlalchemy import ColumnElement
    from sqlalchemy.orm import InstrumentedAttribute, Session

    from api.models import Owned

#: The tables with owners, with the column that is unique for each owner, if there is one.
OWNED: dict[type[Owned], InstrumentedAttribute[str] | None] = {
    Dataset: None,
    Report: None,
    Unit: Unit.symbol,
    Label: Label.name,
}

#: The time for which a key is listed after it was revoked or has expired; its owner's rows are kept as long.
LIFETIME = timedelta(days=90)


def adopt(session: Session, owner: uuid.UUID) -> dict[str, int]:
    """Give the rows without an owner to one, and return their numbers by table.

    A row stays without an owner if the owner has one with the same value in a unique column.

    Args:
        session: the transaction.
        owner: the new owner.
    """
    adopted = {}
    for table, unique in OWNED.items():
        free: list[ColumnElement[bool]] = [table.owner.is_(None)]
        if unique is not None:
            other = aliased(table)
            free.append(~exists().where(other.owner == owner, getattr(other, unique.key) == unique))
        found = session.execute(update(table).where(*free).values(owner=owner).returning(table.owner))
        adopted[table.__tablename__] = len(found.all())  # type: ignore[attr-defined]
    return adopted


def remove_ended_keys(session: Session) -> int:
    """Remove the keys that ended :data:`LIFETIME` ago, and return their number."""
    before = func.now() - LIFETIME
    ended = or_(ApiKey.revoked_at < before, ApiKey.expires_at < before)
    return len(session.execute(delete(ApiKey).where(ended).returning(ApiKey.id)).all())


def remove_unreachable(session: Session) -> int:
    """Remove the small tables' rows whose owner has no key any more, and return their number.

    Datasets and their reports expire sooner than that.
    """
    owners = select(func.coalesce(ApiKey.owner, ApiKey.id))
    removed = 0
    for table in (Unit, Label):
        unreachable = delete(table).where(table.owner.is_not(None), table.owner.not_in(owners))
        removed += len(session.execute(unreachable.returning(table.id)).all())
    return removed
