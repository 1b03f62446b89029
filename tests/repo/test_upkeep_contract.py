"""Operators' tools read contracts: volumes to back up, pages with metrics, addresses outside."""

from __future__ import annotations

from typing import Any

import pytest

from contract.derived import derive
from contract.errors import ContractError
from tests.support.contracts import HOUSE, refusal, shop


def upkeep(text: str) -> Any:  # noqa: ANN401 - as programs get it
    """Return what follows from a contract for operators' tools."""
    return derive([HOUSE, shop(text)]).upkeep["services/shop/compose.yaml"]


def test_all_volumes_are_backed_up_but_those_that_the_contract_leaves_out() -> None:
    volumes = "volumes: {uploads: , invoices: {}, thumbnails: }"

    assert upkeep(volumes)["volumes"] == ["uploads", "invoices", "thumbnails"]
    assert upkeep(f"x-landfast: {{backup: {{without: [thumbnails]}}}}\n{volumes}")["volumes"] == ["uploads", "invoices"]


def test_a_volume_that_is_none_of_the_file_s_is_refused_with_the_nearest() -> None:
    said = refusal("x-landfast: {backup: {without: [thumbnail]}}\nvolumes: {thumbnails: }")

    assert said == (
        "services/shop/compose.yaml: backup.without: this file has no volume thumbnail; did you mean thumbnails?"
    )


def test_metrics_are_asked_for_at_the_usual_page_unless_another_is_said() -> None:
    says = "x-landfast: {metrics: {shop: {service: 'shop:9100'}, work: {service: 'shop:1', path: '/m?x=1'}}}"

    assert upkeep(f"{says}\nservices: {{shop: }}")["metrics"] == {
        "shop": {"service": "shop:9100", "path": "/metrics"},
        "work": {"service": "shop:1", "path": "/m?x=1"},
    }


@pytest.mark.parametrize(
    ("says", "said"),
    [
        ("{shop: {service: 'shpo:9100'}}", "metrics.shop.service: this file has no service shpo; did you mean shop?"),
        ("{shop: }", "metrics.shop.service is missing"),
        ("{shop: {port: 9100}}", "metrics.shop: unknown key 'port'; known keys: service, path"),
    ],
)
def test_metrics_of_nobody_are_refused(says: str, said: str) -> None:
    assert said in refusal(f"x-landfast: {{metrics: {says}}}\nservices: {{shop: }}")


def test_two_contracts_cannot_give_metrics_the_same_name() -> None:
    one = shop("x-landfast: {metrics: {shop: {service: 'shop:9100'}}}\nservices: {shop: }")
    other = shop("x-landfast: {metrics: {shop: {service: 'more:9100'}}}\nservices: {more: }")

    with pytest.raises(ContractError, match=r"shop is in services/shop/compose\.yaml already"):
        derive([HOUSE, one, other])


#: A service that can call out.
CALLS = "services: {shop: {networks: [shop, shop-egress]}}\nnetworks: {shop: {internal: true}, shop-egress: {}}"


def test_addresses_outside_are_listed() -> None:
    addresses = ["smtp", "api.example.org:443", "any:443", "192.0.2.1:8080", "10.0.0.0/8"]

    assert upkeep(f"x-landfast: {{egress: {addresses}}}\n{CALLS}")["egress"] == addresses


@pytest.mark.parametrize(
    "calls",
    [
        CALLS,
        "services: {shop: {networks: {egress: {aliases: [a]}}}}",
        "services: {shop: {networks: [out]}}\nnetworks: {out: }",
        "services: {shop: {networks: [egress]}}",  # of release 0.1.0
    ],
)
def test_a_service_that_can_call_out_needs_the_list(calls: str) -> None:
    assert "services.shop is in a network that leads out: x-landfast.egress must list" in refusal(calls)


def test_a_list_for_services_that_cannot_call_out_is_refused() -> None:
    said = refusal(
        "x-landfast: {egress: [smtp]}\nservices: {shop: {networks: [shop]}}\nnetworks: {shop: {internal: true}}"
    )

    assert "egress: no service of this file can connect to them" in said
    assert "declare `shop-egress: {}` under networks" in said


TEMPLATE = "extends: {file: compose.templates.yaml, service: application}"


def calling(*services: str) -> str:
    """Return a contract with an external address, and services in a network that leads out."""
    named = zip(("shop", "more"), services, strict=False)
    entries = ", ".join(f"{name}: {{networks: [out], {keys}}}" for name, keys in named)
    return f"x-landfast: {{egress: [smtp]}}\nservices: {{{entries}}}\nnetworks: {{out: }}"


@pytest.mark.parametrize("services", [(TEMPLATE,), ("extends: more", TEMPLATE), ("extends: {service: more}", TEMPLATE)])
def test_a_service_that_calls_out_but_resolves_no_names_is_refused(services: tuple[str, ...]) -> None:
    assert (
        "services.shop is in a network that leads out, but resolves no external names: add `dns: !reset []` to it"
    ) in refusal(calling(*services))


@pytest.mark.parametrize(
    "services",
    [
        (f"{TEMPLATE}, dns: []",),  # as !reset reads
        ("extends: more", f"{TEMPLATE}, dns: []"),
        ("extends: {file: own.yaml, service: application}",),
        ("image: shop",),
    ],
)
def test_a_service_that_resolves_names_may_call_out(services: tuple[str, ...]) -> None:
    assert upkeep(calling(*services))["egress"] == ["smtp"]


def test_services_that_extend_each_other_are_left_to_compose() -> None:
    assert upkeep(calling("extends: more", "extends: shop"))["egress"] == ["smtp"]
