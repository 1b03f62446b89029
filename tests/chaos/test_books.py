"""What the suite counts, on books made up."""

from __future__ import annotations

from tests.chaos.books import Books, rate_before, seconds_until_back

#: Ten completions a second, for a minute.
STEADY = [second / 10 for second in range(600)]


def books(
    accepted: str = "abc", effects: str = "abc", outside: str = "abc", dead: str = "", completed: str = "abc"
) -> Books:
    return Books(
        frozenset(accepted),
        [(entry, 1.0) for entry in effects],
        [(entry, 1.5) for entry in outside],
        frozenset(dead),
        [(entry, 1.75) for entry in completed],
    )


def test_it_counts_as_lost_what_was_accepted_and_came_to_nothing() -> None:
    assert books(effects="ab").lost == {"c"}


def test_it_counts_as_lost_what_happened_in_the_database_alone() -> None:
    assert books(outside="ab").lost == {"c"}


def test_it_counts_no_dead_letter_as_lost() -> None:
    assert books(effects="ab", outside="ab", dead="c").lost == set()


def test_it_counts_each_effect_beyond_the_first() -> None:
    told = books(effects="aabc", outside="abbbc")

    assert (told.doubled, told.doubled_outside) == (1, 2)


def test_it_tells_how_long_an_effect_outside_was_not_recorded() -> None:
    assert books(completed="ab").window_outside == [0.25, 0.25]


def test_it_takes_the_rate_right_before_the_fault() -> None:
    assert rate_before(STEADY, 30) == 10


def test_a_rate_that_never_fell_is_back_at_once() -> None:
    assert seconds_until_back(STEADY, 10, struck=20, lifted=25, until=60) == 0


def test_a_rate_is_back_when_as_much_is_completed_as_before() -> None:
    moments = [moment for moment in STEADY if not 20 <= moment < 28]

    assert seconds_until_back(moments, 10, struck=20, lifted=21, until=60) == 7.5


def test_a_rate_that_came_back_before_somebody_ended_the_fault_counts_from_then() -> None:
    moments = [moment for moment in STEADY if not 20 <= moment < 24]

    assert seconds_until_back(moments, 10, struck=20, lifted=30, until=60) == 10


def test_a_rate_that_stays_away_is_never_back() -> None:
    moments = [moment for moment in STEADY if moment < 20]

    assert seconds_until_back(moments, 10, struck=20, lifted=21, until=60) is None
