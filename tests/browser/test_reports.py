"""The page of reports: an upload, its progress, and the finished report."""

from __future__ import annotations

from random import Random
from secrets import token_hex
from typing import TYPE_CHECKING

import pytest
from selenium.webdriver.common.by import By

from tests.support.browser import FILES, OUTPUT, click, fill, picture, see
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selenium.webdriver.remote.webdriver import WebDriver
    from selenium.webdriver.remote.webelement import WebElement

    from tests.support.stack import Stack

#: Enough rows for a report of some seconds, so that its progress is visible.
ROWS = 400_000
REGIONS = ("North quay", "South quay", "Old harbour", "Fish market")

#: Seconds for sending and checking the file, and for the report.
UPLOAD, REPORT = 90, 120


@pytest.fixture
def csv_file() -> Iterator[Path]:
    """Return the path of a file that the browser sees in its own folder; the file is removed at the end."""
    path = OUTPUT / f"{token_hex(4)}.csv"
    yield path
    path.unlink(missing_ok=True)


def make_file(path: Path) -> dict[str, int]:
    """Write the file, and return each region's sum."""
    random = Random(7)  # noqa: S311 - no secret
    sums = dict.fromkeys(REGIONS, 0)
    with path.open("w", encoding="utf-8") as file:
        file.write("day,category,quantity,amount\n")
        for number in range(ROWS):
            region, amount = random.choice(REGIONS), random.randrange(1, 1000)
            sums[region] += amount
            file.write(f"2026-{1 + number % 12:02}-{1 + number % 28:02},{region},{number % 9},{amount}\n")
    return sums


def test_it_shows_a_report_come_about_and_its_chart(stack: Stack, chromium: WebDriver, csv_file: Path) -> None:
    sums = make_file(csv_file)
    key = stack.execute("api-flask", "flask", "keys", "create", "browser", "--scope", "all").split()[-1]
    chromium.get(f"{stack.http_url}/api/reports")
    fill(chromium, {"key": key})
    see(chromium, "[name=file]").send_keys(f"{FILES}/{csv_file.name}")
    click(chromium, "button", "Upload and report")

    seen: list[int] = []

    def over() -> bool:
        assert not chromium.find_element(By.ID, "problem").is_displayed(), chromium.find_element(By.ID, "problem").text
        seen.append(int(float(chromium.find_element(By.ID, "progress").get_attribute("value") or 0)))
        return chromium.find_element(By.ID, "result").is_displayed()

    wait_until(over, UPLOAD + REPORT, lambda: f"the report; progress so far: {sorted(set(seen))}", interval=0.1)
    picture(chromium, "report")
    assert seen == sorted(seen), "progress went back"
    assert len({value for value in seen if 0 < value < 100}) >= 2, f"progress did not move: {sorted(set(seen))}"
    assert see(chromium, "#state").text == "succeeded"
    rows = {cells[0]: [float(cell) for cell in cells[1:]] for cells in table(chromium)}
    assert {region: values for region, values in rows.items() if sums[region] in values} == rows
    assert set(rows) == set(REGIONS)
    chart = see(chromium, "#chart")
    wait_until(lambda: width(chromium, chart) > 300, 10, "the chart to be a picture")


def table(chromium: WebDriver) -> list[list[str]]:
    rows = chromium.find_elements(By.CSS_SELECTOR, "#rows tr")
    return [[cell.text for cell in row.find_elements(By.CSS_SELECTOR, "td")] for row in rows]


def width(chromium: WebDriver, image: WebElement) -> int:
    found: int = chromium.execute_script("return arguments[0].naturalWidth", image)
    return found


def test_it_says_which_line_of_a_file_is_wrong(stack: Stack, chromium: WebDriver, csv_file: Path) -> None:
    faulty = "day,category,quantity,amount\n2026-01-02,Quay,1,2\n2026-02-30,Quay,1,2\n"
    csv_file.write_text(faulty, encoding="utf-8")
    key = stack.execute("api-flask", "flask", "keys", "create", "browser", "--scope", "all").split()[-1]
    chromium.get(f"{stack.http_url}/api/reports")
    fill(chromium, {"key": key})
    see(chromium, "[name=file]").send_keys(f"{FILES}/{csv_file.name}")
    click(chromium, "button", "Upload and report")
    see(chromium, "#problem", "Line 3")
