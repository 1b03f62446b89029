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
from contract.errors import ContractError
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
        "": {
            "parts": {"writers": ["desk", "shop"], "workers": ["shop"], "operators": ["desk"], "relays": ["relay"]},
            "queues": {
                "desk": {"run": [], "write": []},
                "relay": {"run": ["*"]},
                "shop": {"run": ["shop"], "write": ["shop"]},
            },
        }
    }
    consumed = derive([house, one]).consumers["migrate-outbox"]
    assert consumed == {"durable_tasks.json": "migrate-outbox.durable_tasks.json"}


def test_without_durable_tasks_nobody_has_a_part_in_them() -> None:
    nobody: dict[str, Any] = {"parts": {"writers": [], "workers": [], "operators": [], "relays": []}, "queues": {}}
    assert derived_json("migrate-outbox.durable_tasks.json", HOUSE) == {"": nobody}
    assert derived_json("relay.databases.json", HOUSE) == {}
    assert derive([HOUSE]).contents["postgres.outboxes.csv"] == "database,owner,roles\n"


def test_a_database_of_its_own_may_have_durable_tasks_and_the_house_s_parts_are_in_it() -> None:
    desk = {"roles": {"relay": {}, "desk": {}}, "schemas": {"outbox": {"user": ""}}}
    needs = {**RELAYS, "database": desk, "durable_tasks": {"relays": ["relay"], "operators": ["desk"]}}
    room = shop("x-landfast: {database: {roles: {web: {}}}, durable_tasks: {operators: [web]}}")
    both = (replace(HOUSE, needs=needs), shop(OWN), replace(room, file="other"))

    everything = {"desk": {"run": ["*"]}, "relay": {"run": ["*"]}}
    assert derived_json("migrate-outbox.durable_tasks.json", *both) == {
        "": {
            "parts": {"writers": [], "workers": [], "operators": ["desk", "web"], "relays": ["relay"]},
            "queues": {**everything, "web": {"run": []}},
        },
        "shop": {
            "parts": {"writers": ["shop"], "workers": ["shop"], "operators": ["desk"], "relays": ["relay"]},
            "queues": {**everything, "shop": {"run": ["*"], "write": ["*"]}},
        },
    }
    assert derive(both).contents["postgres.outboxes.csv"] == "database,owner,roles\nshop,outbox_owner,desk relay shop\n"


def queues_of(*texts: str) -> Any:  # noqa: ANN401 - any JSON
    """Return role -> its queues in the shared database, for the contracts of applications."""
    contracts = [replace(shop(text), file=str(number)) for number, text in enumerate(texts)]
    return derived_json("migrate-outbox.durable_tasks.json", HOUSE, *contracts)[""]["queues"]


def test_roles_have_the_tasks_of_their_own_application_s_queues() -> None:
    mill = (
        "x-landfast: {database: {schemas: {mill: {}}, roles: {miller: {}}}, "
        "durable_tasks: {writers: [mill], workers: [miller], queues: [flour, bran]}}"
    )
    bakery = (
        "x-landfast: {database: {schemas: {bakery: {}}}, "
        "durable_tasks: {writers: [bakery], workers: [bakery], sends: [flour]}}"
    )

    own = {"run": ["bran", "flour"], "write": ["bran", "flour"]}
    assert queues_of(mill, bakery) == {
        "mill": own,
        "miller": own,
        "bakery": {"run": ["bakery"], "write": ["bakery", "flour"]},
    }


def test_an_application_may_send_to_one_that_was_removed() -> None:
    contract = "x-landfast: {database: {schemas: {shop: {}}}, durable_tasks: {writers: [shop], sends: [flour]}}"

    assert queues_of(contract) == {"shop": {"run": [], "write": ["flour"]}}


def test_a_role_with_another_one_s_rights_has_its_queues() -> None:
    roles = "roles: {hand: {member_of: [shop]}, finger: {member_of: [hand]}}"
    found = queues_of(
        f"x-landfast: {{database: {{schemas: {{shop: {{}}}}, {roles}}}, durable_tasks: {{workers: [shop]}}}}"
    )

    assert found == {role: {"run": ["shop"], "write": ["shop"]} for role in ("shop", "hand", "finger")}


def test_a_queue_belongs_to_one_application() -> None:
    text = "x-landfast: {{database: {{schemas: {{{0}: {{}}}}}}, durable_tasks: {{workers: [{0}], queues: [mail]}}}}"

    with pytest.raises(ContractError, match="1: mail is in 0 already; choose another name"):
        queues_of(text.format("mill"), text.format("bakery"))


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

    assert re.findall(r'^        "(\w+)": (?:\(|_on_tasks\()', granted, re.MULTILINE) == list(schema.PARTS)
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
        ("x-landfast: {durable_tasks: {vhost: shop}}", "durable_tasks.vhost: this contract has no vhost shop"),
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
        (
            OWN.replace("writers: [shop]", "queues: [shop]"),
            "durable_tasks.queues is for the shared database; in a database of its own, an application has all queues",
        ),
        ("x-landfast: {durable_tasks: {queues: ['*']}}", "durable_tasks.queues"),
        (OWN.replace("writers: [shop]", "relays: [shop]"), "durable_tasks.relays: only the house publishes tasks"),
    ],
)
def test_a_part_that_cannot_be_had_is_refused_by_name(text: str, said: str) -> None:
    assert said in refusal(text)
