"""The base of all tables of the schema ``api``, and the table of tasks; other domains have their own models."""

import uuid
from datetime import datetime

from sqlalchemy import DateTime, MetaData, String, Uuid, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Base(DeclarativeBase):
    """The base of all tables; constraints have predictable names for migrations."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_label)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class Owned:
    """A row of one owner, whose keys alone see and change it (:mod:`api.owners`)."""

    #: None: the row is older than owners are, and no key's until ``flask keys adopt`` gives it to one.
    owner: Mapped[uuid.UUID | None] = mapped_column(Uuid)


class Task(Base):
    """A task that the API sent to the workers; any other id was never issued."""

    __tablename__ = "task"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True)
    name: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now(), index=True)
