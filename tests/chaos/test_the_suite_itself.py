"""The suite finds losses where there are some: its zeros mean something. With the sweeper back, nothing is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.chaos import actions
from tests.chaos.books import read_books
from tests.chaos.faults import FAULTS
from tests.chaos.rows import Plan, run_row, wait_over
from tests.support.waiting import SLOWNESS

if TYPE_CHECKING:
    from tests.support.stack import Stack

PLAN = Plan.from_environment()
KNOWN = {fault.name: fault for fault in FAULTS}

#: What each row gives up: nothing is published again, and tasks are acknowledged before they run.
NO_SWEEPER = {"OUTBOX_LOST_AFTER": "0"}
EARLY = {"CHAOS_EARLY_ACK": "1"}

#: As many tasks as the worker can do, each of them long: it is at work when it is killed.
BUSY = replace(PLAN, tasks=100, rate=11 / SLOWNESS, work=0.2 * SLOWNESS)
BRIEF = replace(PLAN, tasks=int(500 / SLOWNESS))


# About the suite, not the stack: tests/mutations breaks the shipped relay, and a row of the short form must notice.
@pytest.mark.long
@pytest.mark.parametrize(
    ("name", "plan", "relay", "worker"),
    [
        pytest.param("wipe-rabbitmq", BRIEF, NO_SWEEPER, {}, id="without-the-sweeper-a-wiped-broker"),
        pytest.param("kill-web-worker", BUSY, NO_SWEEPER, EARLY, id="with-early-acknowledgement-a-killed-worker"),
    ],
)
def test_it_finds_losses_in(name: str, plan: Plan, relay: dict[str, str], worker: dict[str, str], whole: Stack) -> None:
    with actions.changed(whole, "relay", **relay), actions.changed(whole, "web-worker", **worker):
        row = run_row(whole, KNOWN[name], plan, patient=False)
    print(f"{len(row.books.lost)} of {len(row.books.accepted)} lost", flush=True)

    assert row.books.lost

    wait_over(whole, row.run, plan.settle, patient=True)
    assert not read_books(whole, row.run, row.load.accepted).lost, "the sweeper is back and finds them"
