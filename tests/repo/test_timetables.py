"""Timetables in contracts: who has one, and how a wrong one is refused."""

from __future__ import annotations

import pytest

from contract.derived import derive
from tests.support.contracts import HOUSE, refusal, shop

SERVICE = 'services: {{shop: {{extends: {{service: periodic}}, command: [a], x-every: "{}"}}}}'


@pytest.mark.parametrize(
    ("every", "said"),
    [
        ("30", "x-every: '30' must have the form: a time like 1h30m"),
        ("0m", "x-every: 0m must be longer than zero"),
        ("1m30h", "must have the form"),
        ("@daily", "must have the form"),
        ("15 3 * *", "must have the form"),
        ("15 3 * * mon", "must have the form"),
        ("60 3 * * *", "x-every: minutes: 60 must be within 0-59"),
        ("15 9-3 * * *", "hours: 9-3 must be within 0-23, the smaller number first"),
        ("15 3 0 * *", "days: 0 must be within 1-31"),
        ("5/15 * * * *", "minutes: '5/15' must be like *, 5, 1-5, */15 or 0-30/10"),
        ("*/0 * * * *", "minutes: '*/0' must be like"),
        ("1,,2 * * * *", "minutes: '' must be like"),
        ("0 0 31 2,4 *", "0 0 31 2,4 *: no month has such a day"),
    ],
)
def test_a_timetable_that_is_none_is_refused(every: str, said: str) -> None:
    assert said in refusal(SERVICE.format(every))


@pytest.mark.parametrize(
    ("service", "said"),
    [
        ("{x-evry: 30m}", "services.shop: unknown key 'x-evry'; did you mean x-every?"),
        ("{x-enviroment: {A: b}}", "did you mean x-environment?"),
        ("{x-every: 30}", 'services.shop.x-every must be a string, not 30; write "30"'),
        ("{x-every: 30m, command: [a]}", "x-every: extend the template periodic, and remove the entrypoint"),
        (
            "{x-every: 30m, command: [a], extends: {service: periodic}, entrypoint: [sh, with-environment]}",
            "or end it with [sh, /run/secrets/periodically]",
        ),
        ("{x-every: 30m, extends: {service: periodic}}", "x-every requires command"),
        ("{command: [a], extends: {service: periodic}}", "the template periodic requires x-every, such as 30m"),
    ],
)
def test_a_service_has_the_template_a_command_and_a_timetable_or_none_of_them(service: str, said: str) -> None:
    assert said in refusal(f"services: {{shop: {service}}}")


def test_an_entrypoint_of_its_own_may_run_it() -> None:
    log = "[json-lines, shop, sh, /run/secrets/periodically]"
    text = f"services: {{shop: {{x-every: 30m, command: [a], entrypoint: {log}, x-other: other people's}}}}"

    assert set(derive([HOUSE, shop(text)]).consumers["shop"]) == {"periodically", "with-environment"}
