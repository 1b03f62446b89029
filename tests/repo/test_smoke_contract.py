"""Smoke checks: what visitors ask for after a start or a deploy, as contracts say."""

from __future__ import annotations

from pathlib import Path

from contract.derived import derive
from contract.files import read
from tests.support.contracts import HOUSE, refusal, shop

ROOT = Path(__file__).parents[2]


def test_pages_are_asked_for_at_the_first_host_name() -> None:
    hosts, pages = "[shop.example, www.shop.example]", "{/: {contains: Shop}, /old: {status: 301}}"
    one = shop(f"x-landfast: {{http: {{hosts: {hosts}, smoke: {pages}}}}}")

    assert derive([HOUSE, one]).checks == [
        {"host": "shop.example", "path": "/", "status": 200, "contains": "Shop"},
        {"host": "shop.example", "path": "/old", "status": 301, "contains": ""},
    ]


def test_servers_are_asked_at_the_name_that_the_application_has_there() -> None:
    one = shop("x-landfast: {http: {hosts: [shop.localhost, shop.example], smoke: {/: {}}}}")

    hosts = [derive([HOUSE, one], on_servers=on_servers).checks[0]["host"] for on_servers in (False, True)]

    assert hosts == ["shop.localhost", "shop.example"]


def test_without_a_name_they_are_asked_for_at_the_stack_s_own_address() -> None:
    assert derive([HOUSE, shop("x-landfast: {http: {smoke: {/: {}}}}")]).checks == [
        {"host": "", "path": "/", "status": 200, "contains": ""}
    ]


def test_wrong_ones_are_refused_with_what_would_be_right() -> None:
    said = refusal("x-landfast: {http: {smoke: {shop: {}, /a: {state: 200}, /b: {status: '200'}}}}")

    assert "http.smoke: 'shop' must have the form: an address without the host name" in said
    assert "http.smoke./a: unknown key 'state'; did you mean status?" in said
    assert "http.smoke./b.status must be a whole number" in said


def test_each_page_of_the_demo_has_one() -> None:
    contracts = read(ROOT)

    asked = {each["path"] for each in derive(contracts).checks}
    assert {"/", "/api/"} <= asked
    assert all((each.needs.get("http") or {}).get("smoke") for each in contracts if "http" in each.needs)
