"""The small tables of reference data."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, DateTime, Double, String, UniqueConstraint, Uuid, func
from sqlalchemy.orm import Mapped, mapped_column

from api.models import Base, Owned
from api.routes import Text, Word


class Unit(Owned, Base):
    """A unit of a dataset's numbers."""

    __tablename__ = "unit"
    __table_args__ = (
        CheckConstraint("factor > 0", name="factor_positive"),
        UniqueConstraint("symbol", "owner", postgresql_nulls_not_distinct=True),
    )

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    symbol: Mapped[str] = mapped_column(String(63), info={"type": Word, "about": "such as km"})
    name: Mapped[str] = mapped_column(String(200), info={"type": Text, "about": "such as Kilometre"})
    quantity: Mapped[str] = mapped_column(String(63), info={"type": Word, "about": "what it measures, such as length"})
    factor: Mapped[float] = mapped_column(
        Double, server_default="1", info={"above": 0, "about": "how many of the quantity's base unit it is"}
    )
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())


class Label(Owned, Base):
    """A label for datasets and reports."""

    __tablename__ = "label"
    __table_args__ = (UniqueConstraint("name", "owner", postgresql_nulls_not_distinct=True),)

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    name: Mapped[str] = mapped_column(String(63), info={"type": Word, "about": "such as harbour-dues"})
    note: Mapped[str | None] = mapped_column(String(200), info={"type": Text, "about": "what it stands for"})
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
