"""The file that reserves a part of PostgreSQL's disk, to be released when the disk is full."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE

SCRIPT = Path(__file__).parents[2] / "images/postgres/reserve"


def reserve(folder: Path, what: str, size: int | str) -> subprocess.CompletedProcess[str]:
    """Run the script like the health check, with the data in ``folder``/17."""
    variables = {"PATH": os.environ["PATH"], "PGDATA": str(folder / "17"), "POSTGRES_RESERVE_MB": str(size)}
    return subprocess.run(
        [SCRIPT, what], env=variables, capture_output=True, text=True, check=False, timeout=PATIENCE * 60
    )


def blocks(path: Path) -> int:
    """Return the bytes that a file takes on the disk."""
    return path.stat().st_blocks * 512


def test_it_takes_blocks_of_the_disk_and_gives_them_back(tmp_path: Path) -> None:
    assert reserve(tmp_path, "keep", 3).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["reserve"]
    assert blocks(tmp_path / "reserve") >= 3 << 20, "a sparse file would release nothing"

    given = reserve(tmp_path, "release", 3)

    assert given.stdout.startswith("released: 3 MB; free now: ")
    assert list(tmp_path.iterdir()) == []


def test_it_is_left_alone_once_it_is_there_and_follows_its_setting(tmp_path: Path) -> None:
    reserve(tmp_path, "keep", 2)
    before = (tmp_path / "reserve").stat().st_ino
    reserve(tmp_path, "keep", 2)
    assert (tmp_path / "reserve").stat().st_ino == before

    reserve(tmp_path, "keep", 4)
    assert (tmp_path / "reserve").stat().st_size == 4 << 20
    reserve(tmp_path, "keep", 0)
    assert list(tmp_path.iterdir()) == []


def test_it_takes_nothing_where_less_than_four_times_as_much_is_free(tmp_path: Path) -> None:
    third = shutil.disk_usage(tmp_path).free // 3 >> 20

    assert reserve(tmp_path, "keep", third).returncode == 0
    assert list(tmp_path.iterdir()) == []


def test_it_gives_back_nothing_where_nothing_is(tmp_path: Path) -> None:
    assert reserve(tmp_path, "release", 3).stdout.startswith("released: 0 MB")


@pytest.mark.parametrize("what", ["", "realease"])
def test_a_slip_is_told(tmp_path: Path, what: str) -> None:
    slip = reserve(tmp_path, what, 3)
    assert (slip.returncode, slip.stderr) == (64, "usage: reserve keep|release\n")
