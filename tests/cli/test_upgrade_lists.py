"""The list of applications in a file comes from the user, in any notation; the rest comes from the release."""

from __future__ import annotations

import pytest

from cli.upgrade import lists, releases

BASE = """\
include:
  - path:
      - compose.house.yaml
      - services/a/compose.yaml
      - services/b/compose.yaml
"""
THEIRS = f"# New.\n{BASE}      - services/new/compose.yaml\n# End.\n"


def settle(ours: str, *, wanted: str = "new", gone: str = "") -> str:
    """Return the new release's file with the user's list."""
    here = lists.settle(BASE, ours, THEIRS, {f"services/{wanted}/compose.yaml"}, {f"services/{gone}/compose.yaml"})
    return here[1]


def listed(*entries: str, indent: str = "      ") -> str:
    """Return the new release's file with this list."""
    lines = "".join(f"{indent}{entry}\n" for entry in entries)
    return f"# New.\ninclude:\n  - path:\n      - compose.house.yaml\n{lines}# End.\n"


A, B, NEW = (f"- services/{name}/compose.yaml" for name in ("a", "b", "new"))


@pytest.mark.parametrize(
    "own",
    [
        ["- services/shop/compose.yaml"],
        ["# the shop", "- './services/shop/compose.yaml' # Ada's"],
        ["- services/shop/compose.yaml", "# - services/a/compose.yaml"],
        ["- ../elsewhere/compose.yaml", "- services/shop/compose.yaml", "- more.yaml"],
    ],
)
def test_a_list_of_ones_own_comes_over_with_its_comments(own: list[str]) -> None:
    lines = "".join(f"      {line}\n" for line in own)
    ours = f"{BASE.partition('      - services')[0]}{lines}"

    assert settle(ours, wanted="-") == listed(*own)


def test_an_empty_list_stays_empty() -> None:
    assert settle(BASE.partition("      - services")[0], wanted="-") == listed()


def test_new_entries_come_below_the_others_with_their_indentation() -> None:
    ours = "include:\n- path:\n  - compose.house.yaml\n  - services/a/compose.yaml\n  - services/shop/compose.yaml"

    assert settle(ours) == listed(A, "- services/shop/compose.yaml", NEW, indent="  ")


def test_an_entry_that_is_listed_already_does_not_come_twice() -> None:
    assert settle(f"{BASE}      {NEW}\n") == listed(A, B, NEW)


def test_an_entry_whose_file_the_upgrade_removes_leaves_the_list() -> None:
    assert settle(BASE, wanted="-", gone="a") == listed(B)


def test_an_application_comes_to_a_list_that_a_release_left_empty() -> None:
    empty = "include:\n  - path:\n      - compose.house.yaml\n"
    ours = f"{empty}      - services/shop/compose.yaml\n"

    assert lists.settle(empty, ours, f"# New.\n{empty}", set(), set()) == (ours, f"# New.\n{ours}")


CHANGELOG = """\
# Changelog

## Unreleased

### To do

- Later.

## 1.10.0 - 2027-02-01

### To do

- Ten.

### Added

- More.

## [1.9.0] - 2027-01-01

### Added

- Nine.

## 1.2.0 - 2026-12-01

### To do

- Two.
"""


def test_steps_are_given_for_each_release_in_between_the_oldest_first() -> None:
    assert releases.to_do(CHANGELOG, (1, 2, 0), (1, 10, 0)) == [("1.9.0", ""), ("1.10.0", "- Ten.")]
    assert releases.to_do(CHANGELOG, (0, 0, 0), (1, 2, 0)) == [("1.2.0", "- Two.")]


@pytest.mark.parametrize("text", ["1.2", "v1", "1.2.3-rc1", "main", ""])
def test_other_words_are_no_versions(text: str) -> None:
    assert releases.number(text) is None
    assert releases.number("v1.2.3") == releases.number("1.2.3\n") == (1, 2, 3)
