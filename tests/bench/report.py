"""The output of a run, and docs/performance.md: a section for each kind of measurement, and its plots."""

from __future__ import annotations

import os
import platform
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.place import ROOT, docker

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tests.bench.run import Run

PAGE = ROOT / "docs/performance.md"
PLOTS = ROOT / "docs/images"
#: Pixels of a plot: its width, that of the names, the height of a bar and of a heading.
WIDTH, NAMES, BAR, HEAD = 720, 170, 18, 34
#: Colours that are readable on white and on black.
STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#57606a}.h{font-weight:600}"
    "rect{fill:#2f81f7}rect.b{fill:#8b949e}@media(prefers-color-scheme:dark){text{fill:#adbac7}}"
)


@dataclass(frozen=True)
class Panel:
    """One group of bars with a scale of its own.

    Args:
        title: its heading.
        bars: each bar's name and value.
        unit: of the values.
        grey: the names of bars to compare with.
    """

    title: str
    bars: Mapping[str, float]
    unit: str = ""
    grey: Sequence[str] = ()


@dataclass(frozen=True)
class Section:
    """The results of one kind of measurement.

    Args:
        name: the kind.
        title: the heading.
        text: Markdown.
        plots: panels, by the file's name without its ending.
    """

    name: str
    title: str
    text: str
    plots: Mapping[str, Sequence[Panel]] = field(default_factory=dict)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table. Its first column is text, the others are numbers."""
    lines = [f"| {' | '.join(head)} |", f"| --- |{' ---: |' * (len(head) - 1)}"]
    lines += [f"| {' | '.join(map(str, row))} |" for row in rows]
    return "\n".join(lines)


def figure(value: float) -> str:
    """Return a number with three digits, or all of its whole part."""
    if value == 0:
        return "0"
    digits = 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:,.{digits}f}"


def plot(panels: Sequence[Panel]) -> str:
    """Return panels of horizontal bars as SVG, one below the other."""
    parts, y = [], 0
    for panel in panels:
        parts.append(f'<text class="h" x="0" y="{y + 20}">{escape(panel.title)}</text>')
        y += HEAD
        most = max([*panel.bars.values(), 1e-9])
        for name, value in panel.bars.items():
            width = (WIDTH - NAMES - 110) * value / most
            kind = ' class="b"' if name in panel.grey else ""
            parts.append(f'<text x="{NAMES - 8}" y="{y + 13}" text-anchor="end">{escape(name)}</text>')
            parts.append(f'<rect{kind} x="{NAMES}" y="{y + 2}" width="{width:.1f}" height="{BAR - 4}"/>')
            shown = f"{figure(value)} {panel.unit}".strip()
            parts.append(f'<text x="{NAMES + width + 6:.1f}" y="{y + 13}">{escape(shown)}</text>')
            y += BAR
        y += BAR // 2
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" height="{y}">'
    return f"{head}<style>{STYLE}</style>{''.join(parts)}</svg>\n"


def surroundings(run: Run, **versions: str) -> str:
    """Return a line about the machine, the run and the programs."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    engine = docker("version", "--format={{.Server.Version}}").strip()
    programs = {"Linux": platform.release(), "Docker": engine, **versions}
    load = os.getloadavg()[0]
    day = datetime.now(UTC).strftime("%Y-%m-%d")
    return (
        f"Measured on {day} with {os.cpu_count()} processors and {memory:.0f} GiB (load before: {load:.1f}). "
        f"Seed {run.options.seed}, {run.rounds} rounds of {run.seconds} s, medians. "
        f"{', '.join(f'{name} {version}' for name, version in programs.items())}."
    )


def write(section: Section, page: Path = PAGE, plots: Path = PLOTS) -> None:
    """Put a section into the page, in the place of the former one, and its plots beside the others.

    Args:
        section: the results.
        page: the file of the page.
        plots: the folder of the plots.

    Raises:
        SystemExit: the page has no place for the section.
    """
    images = []
    for name, panels in section.plots.items():
        (plots / f"{name}.svg").write_text(plot(panels), encoding="utf-8")
        link = os.path.relpath(plots / f"{name}.svg", page.parent)
        images.append(f"![{section.title}]({Path(link).as_posix()})")
    marks = f"<!-- {section.name}: ./stack bench writes this -->", f"<!-- end of {section.name} -->"
    text = page.read_text(encoding="utf-8")
    found = re.compile(f"{re.escape(marks[0])}.*?{re.escape(marks[1])}", re.DOTALL)
    if not found.search(text):
        raise SystemExit(f"{page} has no place for the results: {marks[0]} … {marks[1]}")
    body = "\n\n".join([marks[0], *images, section.text, marks[1]])
    page.write_text(found.sub(lambda _: body, text), encoding="utf-8")
