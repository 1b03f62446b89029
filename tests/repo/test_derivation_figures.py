"""The figures of the derivation: lines for each application, and of the package itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cli.settings import ROOT
from tests.bench import derivation
from tests.bench.derivation import Size, size

if TYPE_CHECKING:
    import pytest

MODULE = '''
"""Text."""

import re

from contract.errors import ContractError


def derived(name: str) -> str:
    """Return a line."""
    # A comment.
    if re.search(",", name):
        raise ContractError(
            f"{name} has a comma"
        )
    return f"{name}\\n"


def check(name: str) -> None:
    if not name:
        raise ContractError("a name is missing")
'''


def test_every_application_has_a_row_with_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    assert derivation.main() == 0

    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    applications = {row[0]: [int(number) for number in row[1:]] for row in rows if len(row) == 7 and row[1].isdecimal()}
    assert applications.keys() >= {"web-django", "api-flask", "worker", "wagtail", "pretix", "stub"}
    for name, (written, derived, *parts, given) in applications.items():
        assert written, name
        assert given, name
        assert derived == sum(parts), name


def test_refusals_and_imports_are_counted_apart() -> None:
    assert size(MODULE) == Size(imports=2, refusals=7, others=2)


def test_what_derives_stays_within_its_goal() -> None:
    assert derivation.sizes(ROOT / "contract")["derivation"].others <= 1000
