"""The tables that are served, with their names."""

from __future__ import annotations

from api.crud.models import Label, Unit
from api.crud.resource import crud

#: Each table needs one line.
TABLES = (
    crud(Unit, "units", tag="Units"),
    crud(Label, "labels", tag="Labels"),
)
