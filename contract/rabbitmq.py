"""The vhosts and users that RabbitMQ's entrypoint adds to its definitions, and what the users may."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from contract import durable
from contract.errors import ContractError
from contract.named import below, once, unknown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.files import Contract

#: The vhost of durable tasks, which all users share; images/rabbitmq/definitions.json makes it.
SHARED = "landfast"
#: The house's users that look into each application's vhost: compose.house.yaml.
CONSOLE, FLOWER = "console", "flower"


def users(contracts: Sequence[Contract]) -> list[str]:
    """Return the names of the users.

    Raises:
        ContractError: two contracts have the same one.
    """
    return list(once(below(contracts, "broker", "users")))


def definitions(contracts: Sequence[Contract]) -> str:
    """Return vhosts, users and permissions in the form of RabbitMQ's definitions, without password hashes.

    Raises:
        ContractError: two contracts have the same vhost or user, or a user is of a vhost that there is not.
    """
    vhosts = once(below(contracts, "broker", "vhosts"))
    if SHARED in vhosts:
        raise ContractError(f"broker.vhosts: {SHARED} is that of durable tasks, and the house's; choose another name")
    permissions = []
    for file, name, entry in below(contracts, "broker", "users"):
        vhost = entry.get("vhost", SHARED)
        if vhost not in {SHARED, *vhosts}:
            raise ContractError(f"{file}: broker.users.{name}: vhost: {unknown('vhost', vhost, [SHARED, *vhosts])}")
        unsaid = "^$" if vhost == SHARED else ".*"
        may = {what: entry.get(what, unsaid) for what in ("configure", "write", "read")}
        permissions.append({"vhost": vhost, "user": name, **may})
    # What Flower may in the vhost of durable tasks it may in all.
    permissions += [{**each, "vhost": vhost} for each in permissions if each["user"] == FLOWER for vhost in vhosts]
    # The right to enter a vhost is enough to see whether a queue is consumed there, and for nothing else.
    nothing = dict.fromkeys(("configure", "write", "read"), "^$")
    permissions += [{"vhost": vhost, "user": CONSOLE, **nothing} for vhost in vhosts]
    # A relay's user is called like its role. It publishes through the default exchange, and asks how long queues are.
    permissions += [
        {"vhost": each.vhost, "user": relay, "configure": "^$", "write": r"^amq\.default$", "read": "^$"}
        for each in durable.outboxes(contracts).values()
        for relay in sorted(each.parts["relays"])
        if each.vhost and relay in users(contracts)
    ]
    named = once(below(contracts, "broker", "users"))
    document = {
        "vhosts": [
            # Below "metadata": RabbitMQ 4.0 passes over it elsewhere.
            {"name": name, "metadata": {"default_queue_type": entry.get("queue_type", "quorum")}}
            for name, entry in vhosts.items()
        ],
        "users": [{"name": name, "tags": list(entry.get("tags", []))} for name, entry in named.items()],
        "permissions": permissions,
    }
    return json.dumps(document, indent=2) + "\n"
