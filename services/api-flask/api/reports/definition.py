"""Definitions of reports: groups of rows, and a figure for each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from api.datasets.columns import Column

MEASURES = ("count", "sum", "mean", "min", "max")
PERIODS = ("day", "month", "year")

_NUMERIC = frozenset({"integer", "number"})

#: The number of characters of 2026-01-31 that identify the period.
_KEPT = {"day": 10, "month": 7, "year": 4}


class DefinitionError(ValueError):
    """A definition that does not fit its dataset.

    Args:
        field: the faulty field.
        message: the fault.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Definition:
    """A report's definition.

    Args:
        group_by: the column whose equal values form a group.
        value: the column with the numbers; None for a count of rows.
        measure: the figure of a group's numbers.
        period: for a column of dates, the period of a group: days, months or years.
    """

    group_by: str
    value: str | None = None
    measure: str = "count"
    period: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the definition as JSON."""
        return asdict(self)

    def check(self, columns: Sequence[Column]) -> None:
        """Check that the definition fits a dataset with these columns.

        Raises:
            DefinitionError: it does not.
        """
        types = {column.name: column.type for column in columns}
        names = ", ".join(types)
        if self.group_by not in types:
            raise DefinitionError("group_by", f"the dataset has no column {self.group_by!r}; it has {names}")
        if self.period and types[self.group_by] != "date":
            raise DefinitionError("period", f"the column {self.group_by!r} holds no dates")
        if self.value is None:
            if self.measure != "count":
                raise DefinitionError("value", f"{self.measure!r} needs a column with numbers")
        elif self.value not in types:
            raise DefinitionError("value", f"the dataset has no column {self.value!r}; it has {names}")
        elif types[self.value] not in _NUMERIC:
            raise DefinitionError("value", f"the column {self.value!r} holds no numbers")

    def key(self, columns: Sequence[Column]) -> Callable[[str], str]:
        """Return the function that turns a cell of the column ``group_by`` into the name of its group."""
        kind = next(column.type for column in columns if column.name == self.group_by)
        if self.period:
            kept = _KEPT[self.period]
            return lambda cell: cell[:kept]
        if kind == "integer":
            return lambda cell: str(int(cell))  # 7, 07 and +7 are the same number
        if kind == "number":
            return lambda cell: f"{float(cell):.12g}"
        return str
