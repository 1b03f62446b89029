"""The table of reports."""

from __future__ import annotations

import uuid  # noqa: TC003 - SQLAlchemy reads the annotations
from datetime import datetime  # noqa: TC003
from enum import StrEnum
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Index,
    LargeBinary,
    SmallInteger,
    String,
    Uuid,
    func,
)
from sqlalchemy.orm import Mapped, deferred, mapped_column

from api.models import Base, Owned


class State(StrEnum):
    """Where a report stands; the last three are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINAL = frozenset({State.SUCCEEDED, State.FAILED, State.CANCELLED})

_STATES = ", ".join(f"'{state}'" for state in State)


class Report(Owned, Base):
    """A report: its definition, its progress, and its result."""

    __tablename__ = "report"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    dataset_id: Mapped[uuid.UUID] = mapped_column(Uuid, ForeignKey("dataset.id", ondelete="CASCADE"))
    #: The JSON of :class:`api.reports.definition.Definition`.
    definition: Mapped[dict[str, Any]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(String(16), default=State.QUEUED)
    #: Per cent.
    progress: Mapped[int] = mapped_column(SmallInteger, default=0)
    #: The number of the attempt. A worker that finds another number than its own has been replaced, and stops.
    attempt: Mapped[int] = mapped_column(SmallInteger, default=0)
    #: The reason of a failure.
    problem: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    result: Mapped[dict[str, Any] | None] = deferred(mapped_column(JSON))
    chart: Mapped[bytes | None] = deferred(mapped_column(LargeBinary))

    __table_args__ = (
        CheckConstraint(f"state IN ({_STATES})", name="state"),
        CheckConstraint("progress BETWEEN 0 AND 100", name="progress"),
        Index("ix_report_dataset_id", "dataset_id"),
        Index("ix_report_created_at_id", "created_at", "id"),
        Index("ix_report_owner_created_at_id", "owner", "created_at", "id"),
    )
