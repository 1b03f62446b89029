"""Log lines of the whole stack, also by a request's id."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rollout import logs
from rollout.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Iterator

ERROR = '02 {"time":"…","level":"error","service":"nginx","connection":7,"message":"… *7 connect() failed"}'
OTHER = '03 {"time":"…","level":"error","service":"nginx","connection":8,"message":"… *8 connect() failed"}'
ACCESS = '04 {"time":"…","level":"error","service":"nginx","request_id":"trace-7","connection":7,"status":503}'
SECOND = '06 {"time":"…","level":"info","service":"nginx","request_id":"trace-9","connection":7,"status":200}'
LATE = '05 {"time":"…","level":"error","service":"nginx","connection":7,"message":"… *7 upstream timed out"}'
DJANGO = '01 {"time":"…","level":"warning","service":"web","request_id":"trace-7","message":"the database …"}'


class Engine:
    """Docker with two services."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def services(self, stack: str) -> dict[str, object]:
        assert stack == "site"
        return {"web": {}, "nginx": {}}

    def stream_logs(self, service: str, tail: str) -> Iterator[str]:
        self.asked.append((service, tail))
        yield from {"site_web": [DJANGO], "site_nginx": [ERROR, OTHER, ACCESS, LATE, SECOND]}[service]


def words(*lines: str) -> list[str]:
    return [line.partition(" ")[2] for line in lines]


def test_without_a_service_it_shows_all_in_the_order_of_time() -> None:
    engine = Engine()

    found = logs.gather(engine, "site")  # type: ignore[arg-type]

    assert found == words(DJANGO, ERROR, OTHER, ACCESS, LATE, SECOND)
    assert sorted(engine.asked) == [("site_nginx", "100"), ("site_web", "100")]


def test_a_request_leads_to_all_its_lines_and_to_what_nginx_says_of_its_connection() -> None:
    engine = Engine()

    found = logs.gather(engine, "site", containing="trace-7")  # type: ignore[arg-type]

    assert found == words(DJANGO, ERROR, ACCESS, LATE)
    assert {tail for _, tail in engine.asked} == {"all"}, "the request may be old"


def test_it_shows_as_many_lines_of_one_service_as_are_asked_for() -> None:
    engine = Engine()

    assert logs.gather(engine, "site", service="web", lines="5") == words(DJANGO)  # type: ignore[arg-type]
    assert engine.asked == [("site_web", "5")]


def test_a_service_that_does_not_exist_is_told_with_those_that_do() -> None:
    with pytest.raises(RolloutError, match="no service 'wbe'") as slip:
        logs.gather(Engine(), "site", service="wbe")  # type: ignore[arg-type]
    assert slip.value.lines == ("services are: nginx, web",)
