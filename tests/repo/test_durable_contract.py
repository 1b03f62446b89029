"""Contracts of durable tasks: their writers, workers, operators and relays, and their databases."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from contract import durable, schema
from contract.derived import derive
from tests.support.contracts import HOUSE, refusal, shop

if TYPE_CHECKING:
    from contract.files import Contract

ROOT = Path(__file__).parents[2]

RELAYS = {
    "database": {"roles": {"relay": {}}},
    "broker": {"users": {"relay": {}}},
    "durable_tasks": {"relays": ["relay"]},
}

OWN = """
x-landfast:
  database: {databases: {shop: {}}}
  broker: {vhosts: {market: {}}}
  durable_tasks: {database: shop, writers: [shop], workers: [shop]}
"""


def derived_json(file: str, *contracts: Contract) -> Any:  # noqa: ANN401 - any JSON
    return json.loads(derive(contracts).contents[file])


def test_the_outbox_s_migrations_are_told_who_does_what_with_tasks() -> None:
    house = replace(HOUSE, needs=RELAYS)
    one = shop("x-landfast: {database: {schemas: {shop: {}}}, durable_tasks: {writers: [shop], workers: [shop]}}")
    other = shop("x-landfast: {database: {roles: {desk: {}}}, durable_tasks: {writers: [desk], operators: [desk]}}")

    assert derived_json("migrate-outbox.durable_tasks.json", house, one, replace(other, file="other")) == {
        "": {"writers": ["desk", "shop"], "workers": ["shop"], "operators": ["desk"], "relays": ["relay"]}
    }
    consumed = derive([house, one]).consumers["migrate-outbox"]
    assert consumed == {"durable_tasks.json": "migrate-outbox.durable_tasks.json"}


def test_without_durable_tasks_nobody_has_a_part_in_them() -> None:
    assert derived_json("migrate-outbox.durable_tasks.json", HOUSE) == {
        "": {"writers": [], "workers": [], "operators": [], "relays": []}
    }
    assert derived_json("relay.databases.json", HOUSE) == {}
    assert derive([HOUSE]).contents["postgres.outboxes.csv"] == "database,owner,roles\n"


def test_a_database_of_its_own_may_have_durable_tasks_and_the_house_s_parts_are_in_it() -> None:
    desk = {"roles": {"relay": {}, "desk": {}}, "schemas": {"outbox": {"user": ""}}}
    needs = {**RELAYS, "database": desk, "durable_tasks": {"relays": ["relay"], "operators": ["desk"]}}
    room = shop("x-landfast: {database: {roles: {web: {}}}, durable_tasks: {operators: [web]}}")
    both = (replace(HOUSE, needs=needs), shop(OWN), replace(room, file="other"))

    assert derived_json("migrate-outbox.durable_tasks.json", *both) == {
        "": {"writers": [], "workers": [], "operators": ["desk", "web"], "relays": ["relay"]},
        "shop": {"writers": ["shop"], "workers": ["shop"], "operators": ["desk"], "relays": ["relay"]},
    }
    assert derive(both).contents["postgres.outboxes.csv"] == "database,owner,roles\nshop,outbox_owner,desk relay shop\n"


def test_the_console_shows_the_databases_that_the_relay_serves() -> None:
    for contracts in ([HOUSE], [HOUSE, shop(OWN)]):
        contents = derive(contracts).contents
        assert contents["console.databases.json"] == contents["relay.databases.json"]
        assert "outbox" not in contents["console.readiness.json"]


def test_the_relay_publishes_a_database_s_tasks_in_its_application_s_vhost() -> None:
    both = (replace(HOUSE, needs=RELAYS), shop(OWN))

    assert derived_json("relay.databases.json", *both) == {"shop": "market"}
    permissions = derived_json("rabbitmq.users.json", *both)["permissions"]
    assert [each for each in permissions if each["vhost"] == "market" and each["user"] == "relay"] == [
        {"vhost": "market", "user": "relay", "configure": "^$", "write": r"^amq\.default$", "read": "^$"}
    ]


def test_the_parts_of_contracts_are_those_that_the_outbox_grants_rights_to() -> None:
    granted = (ROOT / "libs/outbox/landfast_outbox/rights.py").read_text(encoding="utf-8")

    assert re.findall(r'^        "(\w+)": \(', granted, re.MULTILINE) == list(schema.PARTS)
    assert f'FILE = "{next(iter(durable.files([])[durable.MIGRATIONS]))}"' in granted


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x-landfast: {durable_tasks: {writer: [a]}}", "unknown key 'writer'; did you mean writers?"),
        ("x-landfast: {durable_tasks: {writers: shop}}", "must be a list, not 'shop': roles whose transactions write"),
        (
            "x-landfast: {database: {schemas: {shop: {}}}, durable_tasks: {writers: [shp]}}",
            "shop/compose.yaml: durable_tasks.writers: no contract has a role shp; did you mean shop?",
        ),
        (
            "x-landfast: {database: {databases: {shop: {}}}, durable_tasks: {workers: [shop]}}",
            "durable_tasks.workers: shop has a database of its own; name it in durable_tasks.database, or name a role",
        ),
        ("x-landfast: {durable_tasks: {vhost: shop}}", "durable_tasks.vhost requires durable_tasks.database"),
        (
            OWN.replace("database: shop", "database: shp"),
            "durable_tasks.database: this contract has no database shp; did",
        ),
        (OWN.replace("market: {}", "a: {}, b: {}"), "vhost is missing: broker.vhosts of this contract has 2"),
        (
            OWN.replace("database: shop", "database: shop, vhost: markt"),
            "this contract has no vhost markt; did you mean m",
        ),
        (
            OWN.replace("writers: [shop]", "writers: [shopp]"),
            "durable_tasks.writers: no contract has a role shopp; did",
        ),
        (OWN.replace("writers: [shop]", "relays: [shop]"), "durable_tasks.relays: only the house publishes tasks"),
    ],
)
def test_a_part_that_cannot_be_had_is_refused_by_name(text: str, said: str) -> None:
    assert said in refusal(text)
