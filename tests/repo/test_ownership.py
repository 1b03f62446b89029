"""Each file has exactly one owner, and the documentation shows the same list as ``./stack upgrade`` uses."""

from __future__ import annotations

import re

import pytest

from cli import ownership, source
from cli.ownership import PARTS, Side
from tests.support.stack import ROOT


def test_every_file_is_on_exactly_one_side() -> None:
    found = {name: ownership.parts(name) for name in source.files()}

    assert {name: parts for name, parts in found.items() if len(parts) != 1} == {}, "set the owner in cli/ownership.py"


def test_every_part_of_landfasts_is_there() -> None:
    names = source.files()

    assert [part.pattern for part in PARTS if part.side is not Side.YOURS and not any(map(part.has, names))] == []


def test_the_page_shows_the_users_parts() -> None:
    page = (ROOT / "docs/how-to/upgrade.md").read_text(encoding="utf-8")

    rows = re.findall(r"^\| `([^`]+)` \| (.+) \|$", page, re.MULTILINE)
    assert rows == [(part.pattern, part.why) for part in PARTS if part.side is not Side.OURS]


@pytest.mark.parametrize(
    ("path", "side"),
    [
        ("services/mine/compose.yaml", Side.YOURS),
        ("services/mine/deep/er.py", Side.YOURS),
        ("services/overrides.txt", Side.OURS),
        (".env", Side.YOURS),
        (".env.example", Side.OURS),
        ("ansible/inventories/mine/group_vars/all/vault.yml", Side.YOURS),
        ("ansible/inventories/mine.yml", Side.YOURS),
        ("ansible/inventories/example-single/hosts.yml", Side.OURS),
        ("compose.yaml", Side.LIST),
        ("compose.house.yaml", Side.OURS),
        ("tests/services/mine/compose.yaml", Side.OURS),
    ],
)
def test_a_path_has_its_owner(path: str, side: Side) -> None:
    assert ownership.side(path) is side
