"""What holds for every image's recipe, before anything is built."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from cli.settings import ROOT

if TYPE_CHECKING:
    from pathlib import Path

DOCKERFILES = sorted(
    path for folder in ("services", "images", "nginx") for path in ROOT.glob(f"{folder}/**/Dockerfile")
)


def user(dockerfile: str) -> str:
    """Return the user of the last stage, its own or that of the stage it begins with; root where none is named."""
    users: dict[str, str] = {}
    last = "root"
    for stage in re.split(r"^FROM ", dockerfile, flags=re.MULTILINE)[1:]:
        begins, _, name = stage.partition("\n")[0].partition(" AS ")
        named = re.findall(r"^USER (\S+)$", stage, re.MULTILINE)
        last = named[-1] if named else users.get(begins, "root")
        users[name] = last
    return last


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_its_last_stage_runs_as_a_numbered_user_that_is_not_root(dockerfile: Path) -> None:
    assert re.fullmatch(r"[1-9]\d*(:[1-9]\d*)?", user(dockerfile.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM debian\n", "root"),
        ("FROM debian AS first\nUSER 5\nFROM first\n", "5"),
        ("FROM debian AS first\nUSER 5\nFROM debian\n", "root"),
        ("FROM debian\nUSER 5\nRUN true\nUSER root\n", "root"),
    ],
)
def test_the_user_is_found_where_it_comes_from(text: str, expected: str) -> None:
    assert user(text) == expected
