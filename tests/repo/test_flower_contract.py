"""Flower: a Flower for each vhost that a contract has, at an address of its own."""

from __future__ import annotations

import json
import re

from contract.derived import derive
from contract.files import parse
from tests.support.contracts import HOUSE, shop

PLACES = {
    "landfast": {"port": 5555, "path": "/flower/"},
    "shop": {"port": 5556, "path": "/flower/vhost/shop/"},
    "api": {"port": 5557, "path": "/flower/vhost/api/"},
}


def test_each_vhost_has_a_port_and_addresses_that_flower_nginx_and_console_know_of() -> None:
    derived = derive([HOUSE, shop("x-landfast: {broker: {vhosts: {shop: {}, api: {}}}}")])

    assert json.loads(derived.contents["flower.vhosts.json"]) == PLACES
    assert derived.contents["console.vhosts.json"] == derived.contents["flower.vhosts.json"]
    rows = dict(re.findall(r"^~(\S+) (\S+);$", derived.contents["nginx.flower.conf"], re.MULTILINE))
    assert rows == {"^/flower/vhost/shop/": "flower:5556", "^/flower/vhost/api/": "flower:5557"}
    assert {derived.consumers[service]["vhosts.json"] for service in ("flower", "console")} == {
        "flower.vhosts.json",
        "console.vhosts.json",
    }


def test_it_knows_the_vhosts_of_durable_tasks_in_the_shared_database() -> None:
    contract = (
        "x-landfast: {database: {schemas: {shop: {}}}, durable_tasks: {workers: [shop]}, broker: {vhosts: {shop: {}}}}"
    )

    places = json.loads(derive([HOUSE, shop(contract)]).contents["flower.vhosts.json"])

    assert places == {"landfast": PLACES["landfast"], "shop": {**PLACES["shop"], "durable": True}}


def test_a_stack_without_vhosts_of_applications_has_one_flower_and_no_further_addresses() -> None:
    contents = derive([HOUSE, shop("x-landfast: {broker: {users: {shop: {}}}}")]).contents

    assert json.loads(contents["flower.vhosts.json"]) == {"landfast": PLACES["landfast"]}
    assert [line for line in contents["nginx.flower.conf"].splitlines() if not line.startswith("#")] == []


def test_flower_may_in_each_vhost_no_more_and_no_less_than_in_that_of_durable_tasks() -> None:
    says = {what: f"^{what}$" for what in ("configure", "write", "read")}
    house = parse("compose.house.yaml", {"x-landfast": {"broker": {"users": {"flower": says}}}})

    contents = derive([house, shop("x-landfast: {broker: {vhosts: {shop: {}}}}")]).contents

    users, may = json.loads(contents["rabbitmq.users.json"]), {"user": "flower", **says}
    assert [each for each in users["permissions"] if each["user"] == "flower"] == [
        {"vhost": "landfast", **may},
        {"vhost": "shop", **may},
    ]
