"""The table of API keys."""

import uuid
from datetime import datetime

from sqlalchemy import DateTime, Integer, LargeBinary, String, Uuid, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from api.models import Base


class ApiKey(Base):
    """A key; only its prefix and its hash are stored."""

    __tablename__ = "api_key"

    id: Mapped[uuid.UUID] = mapped_column(Uuid, primary_key=True, default=uuid.uuid4)
    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(16), unique=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    scopes: Mapped[list[str]] = mapped_column(ARRAY(String(63)))
    #: The first key of its owner, of which it sees and changes the rows; None: itself.
    owner: Mapped[uuid.UUID | None] = mapped_column(Uuid)
    requests_per_minute: Mapped[int | None] = mapped_column(Integer)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True), server_default=func.now())
    expires_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    last_used_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    revoked_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))

    @property
    def owner_id(self) -> uuid.UUID:
        """The owner of the rows that this key makes, sees and changes."""
        return self.owner or self.id
