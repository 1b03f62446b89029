"""Redis in contracts: users, their keys and commands, and their servers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from contract.derived import derive
from contract.errors import ContractError
from tests.support.contracts import HOUSE, refusal, repository, shop

if TYPE_CHECKING:
    from contract.files import Contract

ROOT = Path(__file__).parents[2]


def acl(text: str, server: str = "redis") -> list[str]:
    """Return the words of a contract's only line in a Redis server's ACL file."""
    return derive([HOUSE, shop(text)]).contents[f"{server}.users.acl"].split()


@pytest.mark.parametrize("server", ["redis", "redis-cache"])
def test_a_user_of_redis_has_the_keys_and_channels_that_begin_with_its_name(server: str) -> None:
    text = "x-landfast: {redis: {users: {shop: {}}}}"

    derived, words = derive([HOUSE, shop(text)]), acl(text, server)

    assert words[:2] == ["user", "shop"]
    assert {word for word in words if word[0] in "~&%"} == {"~shop:*", "&shop:*"}
    assert derived.consumers[server] == {"shop": "redis_shop_password", "users.acl": f"{server}.users.acl"}
    assert derived.declared == {"redis_shop_password": {}}


def test_a_user_of_redis_may_nothing_that_shows_or_changes_what_belongs_to_others() -> None:
    words = acl("x-landfast: {redis: {users: {shop: {}}}}")

    assert words.index("-@all") < words.index("+@read") < words.index("-@dangerous")
    assert words.index("+@write") < words.index("-@admin") < words.index("-function")
    assert {"-scan", "-randomkey", "-dbsize", "-pubsub", "-client|tracking"} < set(words)


def test_a_user_of_redis_has_what_its_contract_says_instead() -> None:
    words = acl("x-landfast: {redis: {users: {shop: {keys: [a, 'b*'], reads: [c], channels: [], commands: [scan]}}}}")

    assert [word for word in words if word[0] in "~&%"] == ["~a", "~b*", "%R~c"]
    assert words.index("-scan") < words.index("+scan")


def test_a_user_of_redis_is_on_the_servers_that_its_contract_says() -> None:
    text = "x-landfast: {redis: {users: {shop: {servers: [cache]}, till: {servers: [state]}}}}"

    derived = derive([HOUSE, shop(text)])

    users = {server: derived.contents[f"{server}.users.acl"].split()[1] for server in ("redis", "redis-cache")}
    assert users == {"redis": "till", "redis-cache": "shop"}
    assert set(derived.consumers["redis"]) == {"till", "users.acl"}


@pytest.mark.parametrize(
    ("shop_has", "other_has", "meet"),
    [
        (":1:*", ":1:*", True),
        ("*", "other:*", True),
        ("cart", "car*", True),
        ("car*", "cart*", True),
        ("health", "health", True),
        ("cart", "carts", False),
        ("shop:*", "shop2:*", False),
    ],
)
def test_two_applications_write_no_key_in_common(shop_has: str, other_has: str, *, meet: bool) -> None:
    def contract(name: str, keys: str) -> Contract:
        text = f"x-landfast: {{redis: {{users: {{{name}: {{servers: [cache], keys: ['{keys}']}}}}}}}}"
        return replace(shop(text), file=f"services/{name}/compose.yaml")

    contracts = [HOUSE, contract("shop", shop_has), contract("other", other_has)]

    if not meet:
        assert derive(contracts)
        return
    with pytest.raises(ContractError, match="have keys in common; give one of the applications a prefix") as caught:
        derive(contracts)
    assert f"services/other/compose.yaml: redis.users.other.keys: {other_has} and {shop_has} of" in str(caught.value)


def test_applications_on_different_servers_may_have_keys_of_the_same_names() -> None:
    one = shop("x-landfast: {redis: {users: {shop: {servers: [cache], keys: ['*']}}}}")
    other = shop("x-landfast: {redis: {users: {other: {servers: [state], keys: ['*'], reads: [a]}}}}")

    assert derive([HOUSE, one, replace(other, file="services/other/compose.yaml")])


def test_a_server_where_its_user_is_not_has_no_placeholder() -> None:
    users = "x-landfast: {redis: {users: {shop: {servers: [cache]}}}}"

    said = refusal(users + "\nservices: {shop: {x-environment: {A: '{redis.url}'}}}")

    assert "unknown placeholder {redis.url}; it requires redis.users with the server state" in said
    assert said.endswith("did you mean {redis.cache.url}?")


@pytest.mark.parametrize("server", ["redis", "redis-cache"])
@pytest.mark.parametrize("user", ["api", "console"])
def test_whoever_reports_that_redis_serves_has_the_key_that_is_tried(user: str, server: str) -> None:
    check = (ROOT / "libs/runtime/landfast_runtime/health.py").read_text(encoding="utf-8")
    assert 'client.set(f"{settings.user}:health"' in check

    (line,) = [
        line for line in repository().contents[f"{server}.users.acl"].splitlines() if line.startswith(f"user {user} ")
    ]

    assert f" ~{user}:* " in line


def test_no_user_of_an_application_has_all_commands() -> None:
    said = refusal("x-landfast: {redis: {users: {shop: {commands: ['@all']}}}}")

    assert said == "services/shop/compose.yaml: redis.users.shop.commands: only the house's operator has @all"
