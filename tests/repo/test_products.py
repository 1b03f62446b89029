"""The products in tests/products are examples to copy: valid contracts, and only one line names the folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract.derived import derive
from contract.files import read
from tests.support import products
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path


def test_the_house_takes_all_of_their_contracts(tmp_path: Path) -> None:
    databases = derive(read(products.make_root(tmp_path))).contents["postgres.databases.csv"].splitlines()

    assert {row.partition(",")[0] for row in databases[1:]} == set(products.NAMES)


@pytest.mark.parametrize("name", products.NAMES)
def test_one_line_says_where_it_is(name: str) -> None:
    files = [path for path in (ROOT / products.FOLDER / name).rglob("*") if path.is_file() and path.suffix != ".pyc"]
    lines = [line.strip() for path in files for line in path.read_text(encoding="utf-8").splitlines()]

    assert [line for line in lines if "tests/" in line] == [f"context: ./tests/products/{name}"]
