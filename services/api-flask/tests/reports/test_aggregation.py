from __future__ import annotations

from typing import Any

import pytest
from api.datasets.columns import parse
from api.reports.aggregation import MAX_GROUPS, Aggregation, TooManyGroupsError
from api.reports.charts import png
from api.reports.definition import Definition, DefinitionError

COLUMNS = parse("day:date,city:text?,pieces:integer,amount:number?")
ROWS: list[list[str | None]] = [
    ["2026-01-31", "Riga", "3", "0.10"],
    ["2026-01-01", "Oslo", "+3", "0.20"],
    ["2026-02-01", "Riga", "03", None],
    ["2025-02-01", None, "12", "-5"],
]


def result(**definition: str) -> dict[str, Any]:
    aggregation = Aggregation(Definition(**definition), COLUMNS)
    aggregation.add(ROWS[:2])
    aggregation.add(ROWS[2:])
    return aggregation.result()


def test_rows_are_counted_by_group_the_largest_first() -> None:
    assert result(group_by="city") == {
        "columns": ["city", "count"],
        "measure": "count",
        "rows": [["Riga", 2], ["", 1], ["Oslo", 1]],
        "rows_read": 4,
    }


def test_numbers_are_summed_exactly_and_empty_cells_do_not_count() -> None:
    found = result(group_by="day", period="year", value="amount", measure="sum")

    assert found["columns"] == ["day", "count", "sum", "mean", "min", "max"]
    assert found["rows"] == [["2025", 1, -5, -5, -5, -5], ["2026", 2, 0.3, 0.15, 0.1, 0.2]]


@pytest.mark.parametrize(
    ("period", "groups"),
    [
        ("day", ["2025-02-01", "2026-01-01", "2026-01-31", "2026-02-01"]),
        ("month", ["2025-02", "2026-01", "2026-02"]),
        ("year", ["2025", "2026"]),
    ],
)
def test_dates_are_grouped_by_period_and_follow_one_another(period: str, groups: list[str]) -> None:
    assert [row[0] for row in result(group_by="day", period=period)["rows"]] == groups


def test_numbers_that_are_equal_are_one_group_and_stand_in_their_order() -> None:
    assert result(group_by="pieces")["rows"] == [["3", 3], ["12", 1]]
    assert [row[0] for row in result(group_by="amount")["rows"]] == ["-5", "0.1", "0.2", ""]


def test_a_group_without_numbers_has_no_mean() -> None:
    aggregation = Aggregation(Definition("city", "amount", "mean"), COLUMNS)
    aggregation.add(ROWS[2:3])

    assert aggregation.result()["rows"] == [["Riga", 0, 0, None, None, None]]


def test_a_report_with_more_groups_than_anyone_could_read_is_given_up() -> None:
    aggregation = Aggregation(Definition("city"), COLUMNS)

    with pytest.raises(TooManyGroupsError, match="'city' has more than 10000 different values"):
        aggregation.add(["2026-01-01", str(number), "1", "1"] for number in range(MAX_GROUPS + 1))


@pytest.mark.parametrize(
    ("definition", "field"),
    [
        (Definition("town"), "group_by"),
        (Definition("city", period="month"), "period"),
        (Definition("city", measure="sum"), "value"),
        (Definition("city", "price", "sum"), "value"),
        (Definition("city", "day", "max"), "value"),
    ],
)
def test_a_definition_that_the_dataset_cannot_answer_names_the_field(definition: Definition, field: str) -> None:
    with pytest.raises(DefinitionError) as error:
        definition.check(COLUMNS)
    assert error.value.field == field


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("groups", [0, 1, 100])
def test_a_result_of_any_size_has_a_chart(groups: int, *, ordered: bool) -> None:
    rows = [[f"$group_{{{number}}}$ with a long, long, long name", number, None] for number in range(groups)]
    found = {"columns": ["city", "count", "mean"], "measure": "count", "rows": rows}

    assert png(found, "$\\frac{1}{$ of <city>", ordered=ordered).startswith(b"\x89PNG\r\n")
