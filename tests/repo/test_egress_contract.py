"""Lists of external addresses in contracts: which entries are refused, and what the firewalls of servers get."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from contract import egress
from contract.errors import ContractError
from contract.files import Contract, read
from contract.upkeep import upkeep
from tests.support.contracts import refusal, shop

if TYPE_CHECKING:
    from pathlib import Path

#: A service that can call out.
CALLS = "services: {shop: {networks: [shop, shop-egress]}}\nnetworks: {shop: {internal: true}, shop-egress: {}}"


def listing(*addresses: str) -> str:
    """Return a contract with a list."""
    return f"x-landfast: {{egress: {list(addresses)}}}\n{CALLS}"


def allowed(*addresses: str, **settings: str) -> list[str]:
    """Return what a firewall allows for a list."""
    return egress.lists([shop(listing(*addresses))], settings)["shop"]["addresses"]


@pytest.mark.parametrize(
    "address",
    [
        *("api.example.org", "api.example.org:443", "192.0.2.1", "192.0.2.1:8080", "10.0.0.0/8", "10.0.0.0/8:5432"),
        *("any", "any:443"),
    ],
)
def test_a_host_an_address_and_a_network_are_allowed_as_they_stand(address: str) -> None:
    upkeep([shop(listing(address))])
    assert allowed(address) == [address]


@pytest.mark.parametrize(
    ("address", "way_out"),
    [
        ("*.example.org:443", "name each host, its network, or any:443"),
        ("*:443", "any or any:443 for every public address"),
        ("https://example.org", "must have the form"),
        ("a b:443", "must have the form"),
        ("example.org:0", "must have the form"),
        ("smtp:25", "must have the form"),
        ("fd00::/8", "must have the form"),
        ("${api_url:-}", "${NAME:-} for the address in a setting"),
        ("10.0.0.0/8/9", "must have the form"),
        ("10.0.0.1/8", "the network is 10.0.0.0/8"),
        ("10.0.0.0/33", "/0 to /32"),
        ("10.0.0.256", "four numbers from 0 to 255"),
        ("10.0:443", "four numbers from 0 to 255"),
        ("0.0.0.0/0", "write any, or any:443"),
    ],
)
def test_an_entry_that_no_firewall_can_follow_is_refused_with_the_way_out(address: str, way_out: str) -> None:
    said = refusal(listing(address))
    assert f"services/shop/compose.yaml: x-landfast.egress: {address!r}" in said
    assert way_out in said


@pytest.mark.parametrize("address", ["*.example.org:443", "10.0.0.1/8"])
def test_a_refusal_names_the_line(tmp_path: Path, address: str) -> None:
    text = f'x-landfast:\n  egress:\n    - smtp\n    - "{address}"\n{CALLS}\n'
    files = {"compose.yaml": "include: [compose.house.yaml, shop.yaml]", "compose.house.yaml": "", "shop.yaml": text}
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")

    with pytest.raises(ContractError) as caught:
        upkeep(read(tmp_path))

    assert f"shop.yaml: x-landfast.egress (line 4): {address!r}" in str(caught.value)


def test_smtp_is_the_mail_server_in_the_settings() -> None:
    assert allowed("smtp", SMTP_HOST="SMTP.example.org", SMTP_PORT="587") == ["smtp.example.org:587"]
    assert allowed("smtp", SMTP_HOST="smtp.example.org") == [f"smtp.example.org:{egress.SMTP_DEFAULT_PORT}"]
    assert allowed("smtp") == [], "servers without mail"


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("https://api.example.org/v1", "api.example.org:443"),
        ("http://api.example.org:8080", "api.example.org:8080"),
        ("api.example.org:25", "api.example.org:25"),
        ("api.example.org", "api.example.org"),
        ("s3://bucket?endpoint=https://s3.example.org&region=eu-1", "s3.example.org:443"),
        ("s3://bucket?region=eu-1", "any:443"),  # Amazon's
    ],
)
def test_an_entry_may_be_the_address_in_a_setting(value: str, address: str) -> None:
    assert allowed("${STORAGE:-}", STORAGE=value) == [address]


@pytest.mark.parametrize("value", ["", "file"])
def test_a_setting_without_an_address_allows_nothing(value: str) -> None:
    assert allowed("${STORAGE:-}", STORAGE=value) == []


def test_a_setting_whose_address_cannot_be_read_is_refused_by_name() -> None:
    with pytest.raises(ContractError, match=r"STORAGE is 'https://', which has no host: set a URL, or HOST:PORT"):
        allowed("${STORAGE:-}", STORAGE="https://")


@pytest.mark.parametrize(
    ("host", "port"), [("a b", "25"), ("smtp.example.org", "70000"), ("smtp.example.org", "x"), ("10.0.0.256", "25")]
)
def test_a_mail_server_that_no_firewall_can_follow_is_refused_by_its_setting(host: str, port: str) -> None:
    with pytest.raises(ContractError, match="'smtp': SMTP_HOST is"):
        allowed("smtp", SMTP_HOST=host, SMTP_PORT=port)


def test_services_of_the_house_do_not_get_an_application_s_list() -> None:
    house = Contract("compose.house.yaml", {}, {}, services=["nginx"])
    one = shop("x-landfast: {egress: [smtp]}\nservices: {shop: {networks: [out]}, nginx: }\nnetworks: {out: }")

    assert egress.lists([house, one], {}) == {"shop": {"services": ["shop"], "addresses": []}}
