"""Which tables are served, and under which names."""

from __future__ import annotations

from api.crud.models import Label, Unit
from api.crud.resource import crud

#: One line a table is all that there is to write.
TABLES = (
    crud(Unit, "units", tag="Units"),
    crud(Label, "labels", tag="Labels"),
)
