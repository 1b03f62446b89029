"""A file on its way through the whole stack: uploaded as it is read, reported on by a worker, drawn."""

from __future__ import annotations

import http.client
import json
import re
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.site import TIMEOUT, Site
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from tests.support.stack import Stack

DATASETS, REPORTS = "/api/v1/datasets", "/api/v1/reports"
COLUMNS = {"columns": "city:text,amount:integer"}
CSV = {"Content-Type": "text/csv"}
#: Seconds that a large file may take to be read, on an idle reference machine, and to be reported on.
LONGEST = 300
#: More than uWSGI, Nginx or the container would hold at once if any of them kept it.
LARGE = 100 * 1024 * 1024
#: A long name: it is the bytes that count, and each row takes its time.
CITY = "Riga" * 100
ROW = f"{CITY},1\n".encode()
#: Kibibytes that no process of the lane for uploads may ever have held.
MOST_MEMORY = 150 * 1024


@pytest.fixture(scope="module")
def api(stack: Stack) -> Site:
    """Somebody with an API key."""
    made = stack.execute("api-flask", "flask", "--app", "api.wsgi", "keys", "create", "tests", "--scope", "all")
    key = re.search(r"lfk_\w+_[\w-]+", made)
    assert key
    site = Site(stack.http_url)
    site.session.headers["Authorization"] = f"Bearer {key[0]}"
    return site


class File:
    """A large file that is made while it is sent."""

    def __init__(self, size: int, end: bytes = b"") -> None:
        self._count, self._end = size // len(ROW) // 1000, end

    def __len__(self) -> int:
        return sum(map(len, self._pieces()))

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces())

    def _pieces(self) -> Iterator[bytes]:
        yield b"city,amount\n"
        for _ in range(self._count):
            yield ROW * 1000
        yield self._end


def upload(api: Site, data: Any) -> requests.Response:  # noqa: ANN401 - whatever requests sends
    return api.post(DATASETS, data=data, params=COLUMNS, headers=CSV, timeout=PATIENCE * LONGEST)


def total(api: Site) -> int:
    found: int = api.get(DATASETS).json()["total"]
    return found


def most_memory(stack: Stack) -> int:
    """Return the most that any process of the lane for uploads has held, in kibibytes."""
    lines = stack.execute("api-uploads", "sh", "-c", "cat /proc/[0-9]*/status 2>/dev/null; true").splitlines()
    return max(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def test_a_large_file_becomes_a_report_with_a_chart(stack: Stack, api: Site) -> None:
    response = upload(api, File(LARGE))
    assert response.status_code == 201, response.text
    assert most_memory(stack) < MOST_MEMORY
    dataset = response.json()

    body = {"dataset": dataset["id"], "group_by": "city", "value": "amount", "measure": "sum"}
    response = api.post(REPORTS, json=body)
    assert response.status_code == 202
    location = response.headers["Location"]
    seen = set()

    def done() -> Any | None:  # noqa: ANN401 - the document
        report = api.get(location).json()
        seen.add(report["progress"])
        return report if report["state"] not in {"queued", "running"} else None

    report = wait_until(done, LONGEST, "the report", interval=0.2)
    assert report["state"] == "succeeded", report
    assert len(seen) > 3
    rows = dataset["rows"]
    assert api.get(f"{location}/result").json()["rows"] == [[CITY, rows, rows, 1, 1, 1]]
    assert api.get(f"{location}/chart.png").content.startswith(b"\x89PNG")
    assert api.request("DELETE", location).status_code == 204
    assert api.request("DELETE", f"{DATASETS}/{dataset['id']}").status_code == 204


def test_a_fault_at_the_end_of_a_large_file_leaves_nothing(api: Site) -> None:
    before = total(api)
    file = File(LARGE // 10, end=b"Riga,x\n")
    response = upload(api, file)

    assert response.status_code == 422
    assert [fault["column"] for fault in response.json()["faults"]] == ["amount"]
    assert total(api) == before


def test_a_large_file_without_a_key_is_refused_with_the_reason(stack: Stack) -> None:
    file = File(LARGE // 10)
    response = upload(Site(stack.http_url), file)

    assert response.status_code == 401
    assert "API key" in response.json()["detail"]


def test_a_file_whose_length_is_not_told_is_refused(api: Site) -> None:
    response = upload(api, iter([b"city,amount\n", ROW]))

    assert response.status_code == 411
    assert response.headers["Content-Type"] == "application/problem+json"


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(stack: Stack) -> None:
    with closing(http.client.HTTPConnection("localhost", stack.ports.http, timeout=TIMEOUT)) as connection:
        connection.putrequest("POST", DATASETS)
        connection.putheader("Content-Type", "text/csv")
        connection.putheader("Content-Length", str(200 * 1024 * 1024 + 1))
        connection.endheaders()
        response = connection.getresponse()

        assert response.status == 413
        assert "200 MB" in json.loads(response.read())["detail"]
