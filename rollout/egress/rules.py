"""The rules for ``nft``, of lists and of the containers that the lists are for: pure functions."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rollout.egress.lists import NUMBERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rollout.egress.lists import Application

TABLE = "inet landfast"
#: Networks that are not public (RFC 6890). ``any`` leaves them out.
PRIVATE = (
    "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
    "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3",
)  # fmt: skip


@dataclass(frozen=True)
class Container:
    """A container with an address on the bridge.

    Args:
        address: its address there.
        service: its service in the Compose file; empty if Swarm did not start it.
    """

    address: str
    service: str


def rules(applications: Mapping[str, Application], addresses: Mapping[str, Sequence[str]], dns: Sequence[str]) -> str:
    """Return the rules of all lists for ``nft``. They replace earlier ones in one step.

    Args:
        applications: the lists.
        addresses: the addresses of each name.
        dns: the addresses of DNS servers.
    """
    chains: dict[str, list[str]] = {
        "egress_dns": [],
        "egress_listed": [],
        **{f"egress_{name}": [] for name in sorted(applications)},
    }
    if dns:
        chains["egress_dns"] += [f"ip daddr {{ {', '.join(dns)} }} meta l4proto {{ tcp, udp }} th dport 53 accept"]
    for name, application in sorted(applications.items()):
        for address in application.addresses:
            match = _match(address, addresses)
            if match:
                chains[f"egress_{name}"].append(f"{match} accept")
                chains["egress_listed"].append(f"{match} drop")
    lines = [
        "# Written by landfast-egress.service from the applications' lists; it is included by firewall.nft.",
        f"add table {TABLE}",
    ]
    for chain, entries in chains.items():
        lines += [f"add chain {TABLE} {chain}", f"flush chain {TABLE} {chain}"]
        lines += [f"add rule {TABLE} {chain} {entry}" for entry in dict.fromkeys(entries)]
    return "\n".join((*lines, ""))


def _match(address: str, addresses: Mapping[str, Sequence[str]]) -> str:
    """Return the match for packets to an address of a list; empty if its name has no address."""
    host, _, port = address.partition(":")
    if port and not port.isdecimal():
        return ""
    to = [host] if NUMBERS.fullmatch(host) else addresses.get(host, [])
    if host == "any":
        match = f"ip daddr != {{ {', '.join(PRIVATE)} }}"
    elif to:
        match = f"ip daddr {{ {', '.join(to)} }}"
    else:
        return ""
    return f"{match} meta l4proto {{ tcp, udp }} th dport {port}" if port else match


def mapping(containers: Iterable[Container], applications: Mapping[str, Application]) -> str:
    """Return the map from the containers' addresses to their applications' chains for ``nft``.

    Args:
        containers: all containers on the bridge.
        applications: the lists.
    """
    owners = {service: name for name, each in applications.items() for service in each.services}
    elements = [
        f"{each.address} : {f'goto egress_{owners[each.service]}' if each.service in owners else 'return'}"
        for each in sorted(containers, key=lambda each: ipaddress.ip_address(each.address))
    ]
    place = f"{TABLE} egress_applications"
    lines = [f"add table {TABLE}", f"add map {place} {{ type ipv4_addr : verdict; }}", f"flush map {place}"]
    lines += [f"add element {place} {{ {', '.join(elements)} }}"] if elements else []
    return "\n".join((*lines, ""))


def containers(bridge: Mapping[str, Any], inspected: Iterable[Mapping[str, Any]]) -> list[Container]:
    """Return the containers on the bridge.

    Args:
        bridge: ``docker network inspect`` of the bridge. It names a container's end by the container's sandbox.
        inspected: ``docker inspect`` of the running containers.
    """
    places = {entry["Name"]: entry["IPv4Address"].partition("/")[0] for entry in bridge["Containers"].values()}
    found = []
    for each in inspected:
        address = places.get(f"gateway_{each['NetworkSettings']['SandboxID'][:12]}", "")
        labels = each["Config"]["Labels"] or {}
        stack = f"{labels.get('com.docker.stack.namespace', '')}_"
        if address:
            found.append(Container(address, labels.get("com.docker.swarm.service.name", "").removeprefix(stack)))
    return found
