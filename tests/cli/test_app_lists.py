"""One line is added to a list or removed from it; the rest of the file stays the same, byte by byte."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.app import lists
from cli.console import StackError
from cli.settings import ROOT

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = "services/shop/compose.yaml"
LISTS = [
    "include:\n  - path:\n      - compose.house.yaml\n",
    "include:\n  - path:\n      - compose.house.yaml\n      - services/a/compose.yaml # mine\n\nservices: {}\n",
    "include:\n  - path:\n    - 'compose.house.yaml'\n    - \"./services/a/compose.yaml\"",
    "include:\r\n  - path:\r\n      - compose.house.yaml\r\n      - services/a/compose.yaml\r\n",
    "include:\n  - compose.house.yaml\n  - services/shop-two/compose.yaml\n",
]


@pytest.mark.parametrize("text", [*LISTS, *((ROOT / name).read_text(encoding="utf-8") for name in lists.LISTS)])
def test_a_line_that_came_and_went_has_left_nothing(text: str) -> None:
    added = lists.with_line(text, ENTRY)

    assert added != text
    assert lists.without_line(added, ENTRY) == text


@pytest.mark.parametrize("text", LISTS)
def test_a_new_line_stands_below_the_last_one_in_its_form(text: str) -> None:
    lines = lists.with_line(text, ENTRY).splitlines()

    number = next(number for number, line in enumerate(lines) if ENTRY in line)
    indent = lines[number].partition("-")[0]
    assert lines[number] == f"{indent}- {ENTRY}"
    assert lines[number - 1].startswith(f"{indent}- ")
    assert not any(line.startswith(f"{indent}- ") for line in lines[number + 1 :])


@pytest.mark.parametrize("written", [ENTRY, f"./{ENTRY}", f"'{ENTRY}'", f'"{ENTRY}"', f"{ENTRY} # the shop"])
def test_a_line_is_found_however_it_is_written(written: str) -> None:
    text = f"include:\n  - path:\n      - compose.house.yaml\n      - {written}\n      - services/z/compose.yaml\n"

    assert lists.without_line(text, ENTRY) == text.replace(f"      - {written}\n", "")


def test_the_line_of_another_room_stays() -> None:
    text = "include:\n  - path:\n      - services/shop-two/compose.yaml\n      - services/shop/compose.s3.yaml\n"

    assert lists.without_line(text, ENTRY) == text


def test_both_lists_change_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {tmp_path / name: LISTS[0] for name in lists.LISTS}
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    write = lists._write  # noqa: SLF001 - the function that shall fail

    def full(path: Path, text: str) -> None:
        if path.name == "compose.override.yaml" and "shop" in text:
            raise OSError(28, "No space left on device", str(path))
        write(path, text)

    monkeypatch.setattr(lists, "_write", full)
    with pytest.raises(StackError, match="cannot be written: No space left on device"):
        lists.write(lists.added(tmp_path, "shop", lists.LISTS))

    assert {path: path.read_text(encoding="utf-8") for path in texts} == texts


def test_a_laptop_s_list_that_somebody_has_deleted_is_not_made_again(tmp_path: Path) -> None:
    (tmp_path / "compose.yaml").write_text(LISTS[0], encoding="utf-8")

    assert list(lists.added(tmp_path, "shop", lists.LISTS)) == [tmp_path / "compose.yaml"]
