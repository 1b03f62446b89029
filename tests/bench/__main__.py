"""Measure what ``./stack bench`` names, print the tables, and put them into docs/performance.md if asked to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from cli import base_image, bench
from cli.settings import Settings
from tests.bench import database, pages, report, scale
from tests.bench.edge import rows as edge
from tests.bench.place import Place
from tests.bench.report import Section
from tests.bench.run import Run
from tests.bench.tasks.__main__ import measured
from tests.bench.wsgi import servers as wsgi
from tests.support.leftovers import remove_leftovers

if TYPE_CHECKING:
    from collections.abc import Callable

#: No-op tasks of each turn, in the short and in the long form.
TASKS = (1500, 5000)


def tasks(run: Run) -> Section:
    """Measure durable tasks beside plain ones, and return the results."""
    text = f"{report.surroundings(run)}\n\n{measured(TASKS[run.options.long], run.rounds)}"
    return Section("tasks", "Durable tasks", text)


#: How each kind is measured, with the rounds and seconds of its short and of its long form.
KINDS: dict[str, tuple[Callable[[Run], Section], tuple[int, int], tuple[int, int]]] = {
    "edge": (edge.compare, (3, 3), (7, 10)),
    "wsgi": (wsgi.compare, (3, 1), (5, 5)),
    "tasks": (tasks, (1, 1), (3, 1)),
    "scale": (scale.compare, (2, 3), (5, 10)),
    "database": (database.compare, (3, 3), (7, 20)),
    "pages": (pages.section, (1, 1), (3, 1)),
}


def main() -> None:
    """Measure.

    Raises:
        SystemExit: something that is measured does not work.
    """
    options = bench.parser().parse_args()
    base = base_image.find(Settings.read().base_image)
    if base is None:
        raise SystemExit("there is no base image yet: ./stack up makes it")
    remove_leftovers()
    kinds = list(KINDS) if options.kinds == "all" or "all" in options.kinds else options.kinds
    place = Place(f"landfast-bench-{os.getpid()}", base)
    try:
        for kind in kinds:
            measure, short, long = KINDS[kind]
            rounds, seconds = long if options.long else short
            section = measure(Run(place, options, options.rounds or rounds, options.seconds or seconds))
            print(f"\n## {section.title}\n\n{section.text}\n", flush=True)
            if options.write:
                report.write(section)
    finally:
        place.remove_images()


if __name__ == "__main__":
    main()
