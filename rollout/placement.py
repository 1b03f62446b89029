"""Decides which nodes may run a service. Pure functions only."""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

Node = dict[str, Any]

CONSTRAINT = re.compile(r"\s*(\S+?)\s*(==|!=)\s*(.*?)\s*")
#: Constraints with the label of a node, or of its Docker, after the prefix.
LABELS = ("node.labels.", "engine.labels.")


def is_eligible(node: Node, service: Mapping[str, Any]) -> bool:
    """Return whether Swarm starts containers of the service on the node: it is ready, active and fits the constraints.

    Args:
        node: Swarm's entry of the node.
        service: Swarm's entry of the service.
    """
    if node["Status"]["State"] != "ready" or node["Spec"]["Availability"] != "active":
        return False
    constraints = (service["Spec"]["TaskTemplate"].get("Placement") or {}).get("Constraints") or []
    return all(fits(node, constraint) for constraint in constraints)


def fits(node: Node, constraint: str) -> bool:
    """Return whether a node fits a constraint, such as ``node.labels.disk == fast``; Swarm ignores case, too."""
    parts = CONSTRAINT.fullmatch(constraint)
    if not parts:
        return False
    key, operator, value = parts.groups()
    return (operator == "==") == _equals(node, key, value)


def _equals(node: Node, key: str, value: str) -> bool:
    if key.casefold() == "node.ip":
        return _is_in(node["Status"].get("Addr", ""), value)
    return property_of(node, key).casefold() == value.casefold()


def _is_in(address: str, network: str) -> bool:
    """Return whether an address is in a network, or is this address."""
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False


def property_of(node: Node, key: str) -> str:
    """Return the property of a node that a constraint names; an empty string if it has none."""
    description, specification = node.get("Description") or {}, node["Spec"]
    platform = description.get("Platform") or {}
    node_labels, engine_labels = LABELS
    lowered = key.casefold()
    if lowered.startswith(node_labels):
        return str((specification.get("Labels") or {}).get(key[len(node_labels) :], ""))
    if lowered.startswith(engine_labels):
        return str(((description.get("Engine") or {}).get("Labels") or {}).get(key[len(engine_labels) :], ""))
    properties = {
        "node.id": node["ID"],
        "node.hostname": description.get("Hostname", ""),
        "node.role": specification.get("Role", ""),
        "node.platform.os": platform.get("OS", ""),
        "node.platform.arch": platform.get("Architecture", ""),
    }
    return str(properties.get(lowered, ""))
