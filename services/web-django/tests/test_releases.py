"""This release's workers know the tasks that earlier releases wrote."""

from __future__ import annotations

from pathlib import Path

import pytest
from landfast_testing import releases
from mysite.celery import app

ROWS = releases.read(Path(__file__).parent / "releases")


@pytest.mark.parametrize("label", list(ROWS))
def test_today_s_worker_knows_the_task_and_its_arguments(label: str) -> None:
    releases.check(app, ROWS[label])


def test_no_task_is_without_a_row_that_the_next_release_is_held_to() -> None:
    assert releases.durable(app, "accounts.", "news.") <= {row["name"] for row in ROWS.values()}
