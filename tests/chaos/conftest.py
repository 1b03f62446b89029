"""The stack under the suite's hands, and the table at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.chaos.rows import Row, as_markdown, window
from tests.conftest import made_whole
from tests.support.forms import LEDGER
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.forms import FormChanger
    from tests.support.stack import Stack

TABLE = ROOT / "tests/output/chaos.md"

#: The rows of this run, in order.
ROWS: list[Row] = []


@pytest.fixture(scope="session")
def victim(forms: FormChanger) -> Stack:
    """The stack as servers get it, with the ledger in it."""
    return forms.take(LEDGER)


@pytest.fixture
def whole(victim: Stack) -> Iterator[Stack]:
    """The stack for one row: whole before it, and made whole after it."""
    with made_whole(victim):
        yield victim


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    """The table's rows so far."""
    return ROWS


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, and leave it where the documentation takes it from."""
    if ROWS:
        table = as_markdown(row.cells for row in ROWS) + "\n" + window(ROWS)
        TABLE.parent.mkdir(parents=True, exist_ok=True)
        TABLE.write_text(table, encoding="utf-8")
        terminalreporter.write_line("")
        terminalreporter.write(table)
