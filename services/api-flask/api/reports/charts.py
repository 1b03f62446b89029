"""Charts of results."""

from __future__ import annotations

import io
from typing import Any

#: The most readable bars.
BARS = 20

_INK, _ACCENT, _GRID = "#1f2933", "#0b6e99", "#d9e0e6"
_LONGEST_LABEL = 28


def png(result: dict[str, Any], title: str, *, ordered: bool) -> bytes:
    """Return a chart of a result.

    Args:
        result: the result of :meth:`api.reports.aggregation.Aggregation.result`.
        title: the chart's title.
        ordered: whether the groups have an order, like dates: then the chart is a line instead of bars.
    """
    # The import takes a second and 40 MB: only processes that draw pay for it.
    from matplotlib.figure import Figure  # noqa: PLC0415

    position = result["columns"].index(result["measure"])
    points = [(row[0] or "(empty)", row[position] or 0) for row in result["rows"]]
    if not ordered:
        points = points[:BARS]
    labels = [_label(name) for name, _ in points]
    figures = [figure for _, figure in points]
    figure = Figure(figsize=(9, 5), dpi=100, layout="constrained")
    axes = figure.add_subplot()
    if ordered:
        places = range(len(points))
        axes.plot(places, figures, color=_ACCENT, linewidth=2, marker="o" if len(points) <= BARS else None)
        step = max(1, -(-len(points) // BARS))
        axes.set_xticks(places[::step], labels[::step], rotation=45, ha="right")
        axes.set_ylabel(result["measure"])
        axes.grid(axis="y", color=_GRID)
    else:
        places = range(len(points) - 1, -1, -1)
        axes.barh(places, figures, color=_ACCENT)
        axes.set_yticks(places, labels)
        axes.set_xlabel(result["measure"])
        axes.grid(axis="x", color=_GRID)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    # A name from the file may contain text that matplotlib would parse as a formula.
    axes.set_title(title, color=_INK, loc="left", parse_math=False)
    for label in [*axes.get_xticklabels(), *axes.get_yticklabels()]:
        label.set_parse_math(False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png")
    return picture.getvalue()


def _label(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else name[: _LONGEST_LABEL - 1] + "…"
