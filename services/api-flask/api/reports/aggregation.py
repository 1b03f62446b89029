"""Groups and their figures, aggregated part by part; memory grows with the groups, never with the rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from api.datasets.columns import Column
    from api.reports.definition import Definition

#: The most groups of a report: more would be unreadable, and memory would grow with the file.
MAX_GROUPS = 10_000

#: The name of the group of rows without a value.
EMPTY = ""


class TooManyGroupsError(ValueError):
    """The column has too many different values for a report."""


@dataclass(slots=True)
class Figures:
    """The figures of one group: of all its rows, or of its numbers if the report has a column of numbers."""

    count: int = 0
    sum: Decimal = field(default_factory=Decimal)
    min: Decimal | None = None
    max: Decimal | None = None

    def add(self, number: Decimal) -> None:
        """Add a number."""
        self.count += 1
        self.sum += number
        if self.min is None or number < self.min:
            self.min = number
        if self.max is None or number > self.max:
            self.max = number

    @property
    def mean(self) -> Decimal | None:
        """The mean; None without numbers."""
        return self.sum / self.count if self.count else None


class Aggregation:
    """An unfinished report.

    Args:
        definition: the report's definition.
        columns: the dataset's columns.
    """

    def __init__(self, definition: Definition, columns: Sequence[Column]) -> None:
        names = [column.name for column in columns]
        self.groups: dict[str, Figures] = {}
        self.rows = 0
        self._definition = definition
        self._group: int = names.index(definition.group_by)
        self._value = names.index(definition.value) if definition.value is not None else None
        self._key: Callable[[str], str] = definition.key(columns)
        self._kind = columns[self._group].type

    def add(self, rows: Iterable[Sequence[str | None]]) -> None:
        """Add the rows of one part.

        Raises:
            TooManyGroupsError: there are more than :data:`MAX_GROUPS`.
        """
        groups, group, value, key = self.groups, self._group, self._value, self._key
        for row in rows:
            cell = row[group]
            name = EMPTY if cell is None else key(cell)
            figures = groups.get(name)
            if figures is None:
                figures = groups[name] = Figures()
            self.rows += 1
            if value is None:
                figures.count += 1
            elif (number := row[value]) is not None:
                figures.add(Decimal(number))
        if len(groups) > MAX_GROUPS:
            column = self._definition.group_by
            raise TooManyGroupsError(
                f"the column {column!r} has more than {MAX_GROUPS} different values; group by another, or by a period"
            )

    def result(self) -> dict[str, Any]:
        """Return the result as JSON: dates and numbers in their order, words in the order of their figures."""
        measure = self._definition.measure
        names = ("count",) if self._value is None else ("count", "sum", "mean", "min", "max")
        ordered = sorted(self.groups.items(), key=self._place)
        return {
            "columns": [self._definition.group_by, *names],
            "measure": measure,
            "rows": [[name, *(_plain(getattr(figures, each)) for each in names)] for name, figures in ordered],
            "rows_read": self.rows,
        }

    def _place(self, item: tuple[str, Figures]) -> tuple[Any, ...]:
        name, figures = item
        if self._kind in {"integer", "number"}:
            return (name == EMPTY, Decimal(name or 0))
        if self._kind == "date":
            return (name == EMPTY, name)
        figure = getattr(figures, self._definition.measure)
        return (figure is None, -(figure or 0), name)


def _plain(figure: Decimal | int | None) -> float | int | None:
    """Return a figure as JSON: a whole number as an integer, if every JSON reader keeps it exact."""
    if figure is None or isinstance(figure, int):
        return figure
    exact = 2**53
    return int(figure) if figure == figure.to_integral_value() and abs(figure) < exact else float(figure)
