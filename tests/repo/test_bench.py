"""The results of ``./stack bench``: medians, tables, plots, the page."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.bench import report
from tests.bench.loader import Measured, Request, middle
from tests.bench.place import Place
from tests.bench.report import Panel, Section
from tests.bench.rounds import interleaved
from tests.bench.run import Run
from tests.bench.wsgi.servers import BASE, WORKS, cases, chosen, tables
from tests.support.servers import SERVERS

if TYPE_CHECKING:
    from pathlib import Path


def test_each_round_measures_every_case_once_in_an_order_of_its_seed() -> None:
    def order(seed: int) -> list[str]:
        said: list[str] = []

        def measure(case: str) -> int:
            said.append(case)
            return len(said)

        run = Run(Place("bench", "base"), Namespace(seed=seed), rounds=5, seconds=1)
        found = interleaved(["a", "b", "c", "d"], run, "test", measure)
        assert {case: len(each) for case, each in found.items()} == dict.fromkeys("abcd", 5)
        return said

    rounds = [order(7)[start : start + 4] for start in range(0, 20, 4)]
    assert all(sorted(each) == ["a", "b", "c", "d"] for each in rounds)
    assert len({tuple(each) for each in rounds}) > 1
    assert order(7) == order(7) != order(8)


def test_one_slow_round_does_not_change_a_median_and_no_error_is_forgotten() -> None:
    rounds = [Measured(100, 2, 9, 0), Measured(10, 50, 900, 3), Measured(102, 3, 8, 0)]

    assert middle(rounds) == Measured(100, 3, 9, 3)


def test_a_request_hands_on_only_what_it_has() -> None:
    assert Request("http://site/").variables == []
    assert Request("http://site/", host="shop", body=5).variables == ["--env=BENCH_HOST=shop", "--env=BENCH_BODY=5"]


def test_the_long_form_has_more_requests_at_once_and_the_short_one_leaves_no_work_out() -> None:
    short, long = cases(WORKS, SERVERS, long=False), cases(WORKS, SERVERS, long=True)

    assert set(short) < set(long)
    assert {(case.server, case.work) for case in short} == {(server, work) for server in SERVERS for work in WORKS}


def test_a_table_compares_each_server_with_the_same_one() -> None:
    found = {
        case: Measured(50 if case.server == BASE else 100, 1, 2, 0) for case in cases(WORKS[:1], SERVERS, long=False)
    }

    table = tables(found).split("\n\n")[0].splitlines()
    assert table[0] == f"| hello, 1 at once | requests/s | to {BASE} | p50, ms | p99, ms | errors |"
    assert f"| {BASE} | 50.0 | 1.00 | 1.00 | 2.00 | 0 |" in table
    assert "| granian | 100 | 2.00 | 1.00 | 2.00 | 0 |" in table


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (1.234, "1.23"), (12.34, "12.3"), (123.4, "123"), (12345.6, "12,346")]
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert report.figure(value) == text


def test_a_plot_is_valid_and_its_longest_bar_has_the_largest_value() -> None:
    drawing = ET.fromstring(report.plot([Panel("a & b", {"small": 1, "large": 4}, "requests/s")]))  # noqa: S314 - ours

    bars = [float(each.get("width", 0)) for each in drawing.iter("{http://www.w3.org/2000/svg}rect")]
    assert bars[1] == pytest.approx(4 * bars[0], rel=0.01)
    assert any(each.text == "a & b" for each in drawing.iter("{http://www.w3.org/2000/svg}text"))


def test_a_result_takes_the_place_of_the_former_one_and_leaves_the_rest_of_the_page(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    marks = "<!-- wsgi: ./stack bench writes this -->", "<!-- end of wsgi -->"
    page.write_text(f"before\n{marks[0]}\nold\n{marks[1]}\nafter\n", encoding="utf-8")

    report.write(Section("wsgi", "Servers", "new", {"bars": [Panel("a", {"b": 1})]}), page, tmp_path)

    assert page.read_text(encoding="utf-8") == (
        f"before\n{marks[0]}\n\n![Servers](bars.svg)\n\nnew\n\n{marks[1]}\nafter\n"
    )
    assert (tmp_path / "bars.svg").is_file()


def test_a_page_without_a_place_for_the_result_is_named(tmp_path: Path) -> None:
    page = tmp_path / "performance.md"
    page.touch()

    with pytest.raises(SystemExit, match=r"performance.md has no place for the results: <!-- wsgi"):
        report.write(Section("wsgi", "Servers", "new"), page, tmp_path)


def test_some_servers_can_be_compared_alone() -> None:
    assert list(chosen("")) == list(SERVERS)
    assert list(chosen("granian,gunicorn")) == ["gunicorn", "granian"]


@pytest.mark.parametrize(
    ("names", "problem"), [("gunicorn,granien", "granien: no such server"), ("granian", "gunicorn is missing")]
)
def test_servers_that_cannot_be_compared_are_refused(names: str, problem: str) -> None:
    with pytest.raises(SystemExit, match=problem):
        chosen(names)
