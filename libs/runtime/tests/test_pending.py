from __future__ import annotations

from landfast_runtime.pending import lines


def test_each_migration_has_a_line_in_its_order() -> None:
    assert lines(["news.0002_b", "news.0003_a"]) == ["pending: news.0002_b", "pending: news.0003_a"]


def test_that_there_is_none_is_said_too_or_silence_would_pass_for_it() -> None:
    assert lines([]) == ["pending: none"]
