"""``./stack app check`` names an application that is in a network of another, or whose mail does not arrive."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from cli.app import networks
from cli.preflight import State
from tests.cli.test_app_commands import PLAN

if TYPE_CHECKING:
    from collections.abc import Sequence

SHOP = replace(PLAN, services=["shop", "shop-mail"])
HOUSE = replace(PLAN, services=["console"], networks=["edge", "data", "egress"], egress=[])
OTHER = replace(PLAN, services=["blog"], networks=["blog", "blog-egress"], egress=[])
PLANS = {
    "compose.house.yaml": HOUSE,
    "services/shop/compose.yaml": SHOP,
    "services/blog/compose.yaml": OTHER,
}


def checked(shop_mail: Sequence[str], mail: Sequence[str] = ()) -> list[tuple[State, str]]:
    """Return the findings about an application, one of whose services sends mail.

    Args:
        shop_mail: the networks of that service.
        mail: those of the inbox; without any there is no inbox, as on servers.
    """
    joined = {"shop": ["shop", "shop-data"], "shop-mail": shop_mail, **({"mail": mail} if mail else {})}
    configuration: dict[str, Any] = {
        "services": {name: {"networks": dict.fromkeys(names)} for name, names in joined.items()},
        "networks": {"shop": {"internal": True}, "shop-data": {"internal": True}, "shop-egress": {}, "blog-egress": {}},
    }
    return [(each.state, each.text) for each in networks.check("shop", PLANS, configuration)]


def test_it_passes_an_application_in_networks_of_its_own() -> None:
    passed = [(State.OK, "no other application is in its networks")]

    assert checked(["shop-data", "shop-egress"], mail=["egress", "shop-egress"]) == passed
    assert checked(["shop-data", "shop-egress"]) == passed


def test_it_names_an_application_that_joins_a_network_of_another() -> None:
    [(state, text)] = checked(["shop-data", "blog-egress"])

    assert state is State.FAILED
    assert text.startswith("shop-mail joins blog-egress, which is a network of services/blog/compose.yaml")
    assert "join only networks that services/shop/compose.yaml declares" in text


def test_it_tells_an_application_of_the_first_release_what_to_write() -> None:
    [(state, text)] = checked(["shop-data", "egress"], mail=["egress"])

    assert state is State.FAILED
    assert text.startswith("shop-mail joins egress, where it meets all other applications that call out")
    assert "declare shop-egress: {} under networks in services/shop/compose.yaml" in text
    assert "mail: {networks: [shop-egress]} under services in services/shop/compose.override.yaml" in text


def test_it_names_a_network_of_the_house() -> None:
    [(_, text)] = checked(["data", "shop-egress"])

    assert text.startswith("shop-mail joins data, which is a network of compose.house.yaml")


def test_it_says_where_the_inbox_is_missing() -> None:
    [(state, text)] = checked(["shop-data", "shop-egress"], mail=["egress"])

    assert state is State.FAILED
    assert text.startswith("no service that sends mail reaches the inbox (mail)")
    assert "write mail: {networks: [shop-egress]} under services in services/shop/compose.override.yaml" in text
