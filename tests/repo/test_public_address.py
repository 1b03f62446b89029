"""An application's own address and host names, in the variables of its contract: ``{public_url}``, ``{hosts}``."""

from __future__ import annotations

import subprocess

import pytest

from contract.derived import derive
from tests.support.contracts import HOUSE, shell, shop

ADDRESSED = 'services: {shop: {x-environment: {SITE: "it\'s {public_url}/in"}}}'


@pytest.mark.parametrize(
    ("hosts", "stack", "own"),
    [
        ("", "http://localhost:8080", "http://localhost:8080"),
        ("", "https://example.org/", "https://example.org"),
        ("shop.localhost, www.shop.localhost", "http://localhost:8080", "http://shop.localhost:8080"),
        ("shop.localhost", "http://[::1]:8080", "http://shop.localhost:8080"),
        ("shop.localhost", "http://[::1]", "http://shop.localhost"),
        ("shop.example.org", "https://example.org/", "https://shop.example.org"),
        ("shop.localhost, shop.example.org", "https://example.org/", "https://shop.example.org"),
        ("shop.localhost, shop.example.org", "http://localhost:8080", "http://shop.localhost:8080"),
        ("shop.localhost, shop.example.org", "http://localhost", "http://shop.localhost"),
        ("shop.localhost, shop.example.org", "http://127.0.0.1:8080", "http://shop.localhost:8080"),
        ("shop.localhost, shop.example.org", "http://[::1]:8080", "http://shop.localhost:8080"),
        ("shop.localhost, shop.example.org", "http://[::1]", "http://shop.localhost"),
        ("shop.localhost, shop.example.org", "http://stack.localhost:8080", "http://shop.localhost:8080"),
        ("shop.localhost, shop.example.org", "https://127.example.org", "https://shop.example.org"),
        ("shop.localhost, shop.example.org", "https://[2001:db8::1]", "https://shop.example.org"),
    ],
)
def test_its_own_address_has_the_stack_s_scheme_and_port(hosts: str, stack: str, own: str) -> None:
    contents = derive([HOUSE, shop(f"x-landfast: {{http: {{hosts: [{hosts}]}}}}\n{ADDRESSED}")]).contents

    given = {"PUBLIC_URL": stack}
    assert shell(contents["shop.with-environment"], "SITE", given=given) == [f"it's {own}/in"]


def test_a_variable_called_like_the_stack_s_address_changes_none_after_it() -> None:
    text = 'services: {shop: {x-environment: {PUBLIC_URL: "{public_url}/in", public_url: mine, A: "{public_url}"}}}'
    script = derive([HOUSE, shop(text)]).contents["shop.with-environment"]

    given = {"PUBLIC_URL": "http://localhost:8080"}
    assert shell(script, "PUBLIC_URL", "A", given=given) == ["http://localhost:8080/in", "http://localhost:8080"]


def test_an_application_gets_its_host_names() -> None:
    text = 'services: {shop: {x-environment: {NAMES: "{hosts}"}}}'
    contents = derive(
        [HOUSE, shop(f"x-landfast: {{http: {{hosts: [shop.localhost, shop.example.org]}}}}\n{text}")]
    ).contents

    assert shell(contents["shop.with-environment"], "NAMES") == ["shop.localhost,shop.example.org"]


@pytest.mark.parametrize(
    ("hosts", "names"),
    [
        ("shop.localhost, shop.example.org, www.shop.example.org", ["shop.example.org", "www.shop.example.org"]),
        ("a.localhost, a.b.localhost", []),
        ("localhost.example.org, notlocalhost", ["localhost.example.org", "notlocalhost"]),
    ],
)
def test_servers_have_the_names_that_are_not_a_laptop_s(hosts: str, names: list[str]) -> None:
    derived = derive([HOUSE, shop(f"x-landfast: {{http: {{hosts: [{hosts}]}}}}")])

    assert derived.public_hosts == dict.fromkeys(names, "services/shop/compose.yaml")


def test_a_container_that_does_not_know_the_stack_s_address_stops_with_the_way_out() -> None:
    script = derive([HOUSE, shop(ADDRESSED)]).contents["shop.with-environment"]

    with pytest.raises(subprocess.CalledProcessError) as caught:
        shell(script, "SITE")
    assert "PUBLIC_URL: is not set: extend the template application" in caught.value.stderr
