"""The products in tests/products are examples to copy from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.derived import derive
from contract.files import HOUSE, LIST, listed, read
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path

PRODUCTS = ROOT / "tests/products"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of a house with the products alone in it."""
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/products").symlink_to(PRODUCTS)
    (tmp_path / HOUSE).symlink_to(ROOT / HOUSE)
    (tmp_path / LIST).symlink_to(PRODUCTS / "applications.yaml")
    return tmp_path


def test_the_house_takes_all_of_their_contracts(root: Path) -> None:
    databases = derive(read(root)).contents["postgres.databases.csv"].splitlines()

    assert {row.partition(",")[0] for row in databases[1:]} == {path.parent.name for path in PRODUCTS.glob("*/*.in")}


def test_one_line_of_each_says_where_it_is(root: Path) -> None:
    for file in listed(root):
        room = ROOT / file
        lines = [line for path in room.parent.rglob("*") if path.is_file() for line in path.read_text().splitlines()]

        assert [line.strip() for line in lines if "tests/" in line] == [f"context: ./tests/products/{room.parent.name}"]
