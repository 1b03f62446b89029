"""The vhosts, users and permissions that RabbitMQ's entrypoint adds to its definitions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract import durable
from contract.errors import ContractError
from contract.files import HOUSE
from contract.named import as_json, below, unique, unknown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contract.files import Contract

#: The house's vhost; images/rabbitmq/definitions.json makes it. At most one application has its queues there.
SHARED = "landfast"
#: The house's users with permissions in the vhost of each application: compose.house.yaml.
CONSOLE, FLOWER, OPERATOR = "console", "flower", "operator"
#: No permission. The right to enter a vhost suffices to see whether a queue has a consumer.
NOTHING = dict.fromkeys(("configure", "write", "read"), "^$")


def users(contracts: Sequence[Contract]) -> dict[str, Mapping[str, Any]]:
    """Return user -> its entry in the contract.

    Raises:
        ContractError: two contracts have the same user.
    """
    return unique(below(contracts, "broker", "users"))


def definitions(contracts: Sequence[Contract]) -> str:
    """Return vhosts, users and permissions in the form of RabbitMQ's definitions, without password hashes.

    Raises:
        ContractError: two contracts have the same vhost or user, or the vhost of a user is unknown or that of another
            application.
    """
    vhosts, named = unique(below(contracts, "broker", "vhosts")), users(contracts)
    owners = {name: file for file, name, _ in below(contracts, "broker", "vhosts")}
    for name, file in owners.items():
        if name == SHARED:
            raise ContractError(f"{file}: broker.vhosts: {name} is the vhost of durable tasks; choose another name")
    permissions, guest = [], ""
    for file, name, entry in below(contracts, "broker", "users"):
        vhost = entry.get("vhost", SHARED)
        if vhost not in {SHARED, *vhosts}:
            raise ContractError(f"{file}: broker.users.{name}.vhost: {unknown('vhost', vhost, [SHARED, *vhosts])}")
        if owners.get(vhost, file) != file:
            raise ContractError(
                f"{file}: broker.users.{name}.vhost: {vhost} belongs to {owners[vhost]}, and users reach all its "
                "queues; declare another one in broker.vhosts"
            )
        if vhost == SHARED and file != HOUSE:
            if guest not in {"", file}:
                raise ContractError(
                    f"{file}: broker.users.{name}.vhost is missing: {guest} has the house's virtual host, where "
                    "applications would reach each other's queues. Give this one its own in broker.vhosts"
                )
            guest = file
        default = "^$" if vhost == SHARED else ".*"
        permissions.append({"vhost": vhost, "user": name, **{right: entry.get(right, default) for right in NOTHING}})
    # Flower and operators have their permissions of the vhost of durable tasks in every vhost.
    everywhere = [each for each in permissions if each["user"] in {FLOWER, OPERATOR}]
    permissions += [{**each, "vhost": vhost} for each in everywhere for vhost in vhosts]
    permissions += [{"vhost": vhost, "user": CONSOLE, **NOTHING} for vhost in vhosts]
    # A relay's user has the name of its role. It publishes through the default exchange, and reads queues' lengths.
    outboxes, apart = durable.outboxes(contracts), durable.shared_vhosts(contracts)
    targets = [
        (each, vhost)
        for name, each in outboxes.items()
        for vhost in (apart if name == durable.SHARED else [each.vhost])
    ]
    permissions += [
        {"vhost": vhost, "user": relay, **NOTHING, "write": r"^amq\.default$"}
        for outbox, vhost in targets
        for relay in sorted(outbox.parts["relays"])
        if relay in named
    ]
    return as_json(
        {
            "vhosts": [
                # Below "metadata": RabbitMQ 4.0 ignores it elsewhere.
                {"name": name, "metadata": {"default_queue_type": entry.get("queue_type", "quorum")}}
                for name, entry in vhosts.items()
            ],
            "users": [{"name": name, "tags": list(entry.get("tags", []))} for name, entry in named.items()],
            "permissions": permissions,
            # The entrypoint gives these vhosts what the house's has for tasks: policies, and the queue of dead letters.
            "tasks": sorted(apart),
        }
    )
