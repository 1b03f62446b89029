"""Values of contracts that look right and would hurt where they are read."""

from __future__ import annotations

import pytest

from contract.derived import derive
from contract.errors import ContractError
from contract.periodic import script
from tests.support.contracts import HOUSE, refusal, shop


def place(says: str) -> str:
    """Return a contract with a location that says something."""
    return f"x-landfast: {{http: {{locations: {{/a/: {{{says}}}}}}}}}\nservices: {{shop: {{}}}}"


def every(says: str) -> str:
    """Return a contract with a periodic command."""
    return f'services: {{shop: {{extends: {{service: periodic}}, command: [a], x-every: "{says}"}}}}'


def smoke(page: str, says: str = "") -> str:
    """Return a contract with a smoke check."""
    return f"x-landfast: {{http: {{smoke: {{{page}: {{{says}}}}}}}}}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (every("\u0663m"), "'\u0663m' must have the form: a time like 1h30m"),
        (every("9999999h"), "of at most six digits each"),
        (every("\u0661 * * * *"), "must have the form"),
        (place("service: 'shop:99999'"), "a service and its port, from 1 to 65535: NAME:PORT"),
        (place("service: 'shop:65536'"), "from 1 to 65535"),
        (place("service: 'shop:0'"), "from 1 to 65535"),
        (
            place("service: 'shop:80', largest_body: 99999999999999999999g"),
            "at most twelve digits, or a number with at most six digits",
        ),
        (
            place("service: 'shop:80', largest_body: '9999999999999'"),
            "at most twelve digits, or a number with at most six digits",
        ),
        (place("service: 'shop:80', timeout: 99999999999999999h"), "above zero and with at most six digits"),
        (place("service: 'shop:80', timeout: 0s"), "above zero"),
        (place("service: 'shop:80', fresh: \u0661s"), "must have the form"),
        (smoke("/", "status: -5"), "smoke./.status: '-5' must have the form: a status from 200 to 599"),
        (smoke("/", "status: 600"), "from 200 to 599"),
        (smoke("/\xfcber/"), "characters outside ASCII are encoded: %C3%BC"),
        (
            "x-landfast: {http: {locations: {/\xfcber/: {}}}}",
            "a path that begins and ends with a slash, of ASCII letters",
        ),
        ("x-landfast: {http: {hosts: [localhost]}}", "neither localhost nor an address"),
        ("x-landfast: {http: {hosts: ['127.0.0.1']}}", "neither localhost nor an address"),
        ("x-landfast: {http: {hosts: ['shop-.example.org']}}", "a host name in lower case"),
        (f"x-landfast: {{http: {{hosts: [{'a' * 64}.example.org]}}}}", "a host name in lower case"),
        (f"x-landfast: {{http: {{hosts: [{'.'.join(['abcdefghi'] * 11)}]}}}}", "of at most 100 characters"),
        ("x-landfast: {secrets: {key: {length: 0}}}", "secrets.key.length: '0' must have the form: a number from 1 to"),
        ("x-landfast: {secrets: {key: {length: 10000}}}", "a number from 1 to 9999"),
    ],
)
def test_a_value_that_would_hurt_is_refused_with_the_way_out(text: str, said: str) -> None:
    assert said in refusal(text)


@pytest.mark.parametrize("field", ["1" * 5000, f"*/{'1' * 5000}", f"1-{'1' * 5000}"])
def test_a_number_of_cron_s_that_is_longer_than_python_reads_is_refused(field: str) -> None:
    with pytest.raises(ContractError, match=r"minutes: .* must be like"):
        script(f"{field} * * * *", "shop", "x-every")


@pytest.mark.parametrize(
    "text",
    [
        *(place(f"service: 'shop:{port}'") for port in (1, 80, 9999, 59999, 65535)),
        place("service: 'shop:80', largest_body: '999999999999', timeout: 999999h"),
        place("service: 'shop:80', largest_body: 999999g, timeout: 10m"),
        *(smoke("/%C3%BCber/", f"status: {status}") for status in (200, 404, 599)),
        smoke("/", "contains: \xfcber"),
        "x-landfast: {secrets: {key: {length: 9999}}}",
    ],
)
def test_the_greatest_and_the_least_value_are_taken(text: str) -> None:
    assert derive([HOUSE, shop(text)])
