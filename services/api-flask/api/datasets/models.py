"""The tables of datasets."""

from __future__ import annotations

import uuid  # noqa: TC003 - SQLAlchemy reads the annotations
from datetime import datetime  # noqa: TC003
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, ForeignKey, Index, Integer, String, Uuid, func
from sqlalchemy.orm import Mapped, mapped_column

from api.models import Base, Owned

#: Rows of one part: a report reads, and can be cancelled, part by part.
ROWS_PER_PART = 1000


class Dataset(Owned, Base):
    """An uploaded file, without its rows."""

    __tablename__ = "dataset"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    #: The declaration, see :mod:`api.datasets.columns`.
    columns: Mapped[str] = mapped_column(String(5000))
    rows: Mapped[int] = mapped_column(BigInteger)
    parts: Mapped[int] = mapped_column(Integer)
    bytes: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))

    __table_args__ = (
        Index("ix_dataset_expires_at", "expires_at"),
        Index("ix_dataset_created_at_id", "created_at", "id"),
        Index("ix_dataset_owner_created_at_id", "owner", "created_at", "id"),
    )


class DatasetPart(Base):
    """Up to :data:`ROWS_PER_PART` rows of a dataset, one after the other.

    A database row for each of five million rows would cost PostgreSQL three times the space, an index entry and a check
    of the foreign key each, and minutes to delete; no query ever needs a single row.
    """

    __tablename__ = "dataset_part"

    dataset_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("dataset.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    #: A list of rows, each a list of texts: numbers stay as they are in the file.
    rows: Mapped[list[Any]] = mapped_column(JSON)
