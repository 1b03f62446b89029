"""Whatever goes wrong: what was accepted is done, and done once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.books import read_books
from tests.chaos.faults import FAULTS, SHORT, Fault, ten_random
from tests.chaos.rows import Plan, Row, run_row

if TYPE_CHECKING:
    from tests.support.stack import Stack

PLAN = Plan.from_environment()


def chosen() -> list[Fault]:
    """Return the faults that somebody asked for, or those of the form that is run."""
    known = {fault.name: fault for fault in (*FAULTS, ten_random(PLAN.seed))}
    names = PLAN.faults or (SHORT if PLAN.short else known)
    return [known[name] for name in names]


@pytest.mark.parametrize("fault", chosen(), ids=lambda fault: fault.name)
def test_it_loses_nothing_and_doubles_nothing(fault: Fault, whole: Stack, rows: list[Row]) -> None:
    row = run_row(whole, fault, PLAN)
    rows.append(row)
    print(f"{' '.join(row.cells)} (refused {row.load.refused}, unanswered {row.load.unanswered})", flush=True)

    assert row.books.accepted, "there was a load"
    assert not row.books.lost, f"lost: {sorted(row.books.lost)[:10]}"
    assert row.books.doubled == 0


def test_it_doubles_nothing_later_either(victim: Stack, rows: list[Row]) -> None:
    later = {row.fault: read_books(victim, row.run, row.load.accepted) for row in rows}

    assert {fault: (len(books.lost), books.doubled) for fault, books in later.items()} == dict.fromkeys(later, (0, 0))
