from __future__ import annotations

from landfast_runtime.schema.pending import Pending, lines, refusal

DROPS = Pending("news.0004_c", ("drops the column body of news_article",))


def test_each_migration_has_a_line_in_its_order() -> None:
    migrations = [Pending("news.0002_b"), Pending("news.0003_a")]

    assert lines(migrations) == ["pending: news.0002_b", "pending: news.0003_a"]
    assert refusal(migrations) == ""


def test_that_there_is_none_is_said_too_or_silence_would_pass_for_it() -> None:
    assert lines([]) == ["pending: none"]
    assert refusal([]) == ""


def test_it_refuses_what_the_release_before_cannot_live_with_and_says_the_way_out() -> None:
    text = refusal([Pending("news.0003_b"), DROPS])

    assert lines([DROPS]) == ["pending: news.0004_c (drops the column body of news_article)"]
    assert "  news.0004_c drops the column body of news_article\n" in text
    assert "news.0003_b" not in text
    assert "compatible_because" in text
    assert "docs/how-to/migrations.md" in text


def test_it_lets_through_what_its_author_gives_a_reason_for_and_shows_the_reason() -> None:
    allowed = Pending(DROPS.name, DROPS.problems, "nothing has read it since spring")

    assert refusal([allowed]) == ""
    assert lines([allowed]) == [
        "pending: news.0004_c (drops the column body of news_article: nothing has read it since spring)"
    ]


def test_a_reason_that_says_nothing_is_none() -> None:
    assert refusal([Pending(DROPS.name, DROPS.problems, " ")])
