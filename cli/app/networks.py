"""Conclusions about an application's networks, from contracts and Compose's view of the stack: pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cli.preflight import failed, ok

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cli.app.plan import Plan
    from cli.preflight import Check

#: The house's network for the external connections of all applications in release 0.1.0.
FORMER = "egress"
#: The inbox of a laptop, and the address in contracts that stands for it.
INBOX, SMTP = "mail", "smtp"


def check(name: str, plans: Mapping[str, Plan], configuration: Mapping[str, Any]) -> list[Check]:
    """Check that an application is in no network of another one, and that its mail reaches the laptop's inbox.

    Args:
        name: the application's name.
        plans: the contract's file -> plan, of the house and of all applications.
        configuration: Compose's view of the stack.
    """
    own, services = f"services/{name}/compose.yaml", configuration["services"]
    joined = {each: list(services[each].get("networks") or {}) for each in plans[own].services}
    found = [*_of_others(name, own, plans, joined), *_cut_off(name, plans[own], joined, configuration)]
    return found or [ok("networks", "no other application is in its networks")]


def _of_others(name: str, own: str, plans: Mapping[str, Plan], joined: Mapping[str, list[str]]) -> Iterator[Check]:
    owners = {network: file for file, each in plans.items() if file != own for network in each.networks}
    for service, networks in joined.items():
        for network in (each for each in networks if each in owners):
            if network == FORMER:
                text = f"{service} joins {FORMER}, where it meets all other applications that call out"
                yield failed("networks", text, f"{_declare(name)} and join that instead; {_connect_inbox(name)}")
            else:
                text = f"{service} joins {network}, which is a network of {owners[network]}"
                way_out = f"join only networks that {own} declares; `networks: !override [...]` replaces a template's"
                yield failed("networks", text, way_out)


def _cut_off(
    name: str, own: Plan, joined: Mapping[str, list[str]], configuration: Mapping[str, Any]
) -> Iterator[Check]:
    services, networks = configuration["services"], configuration.get("networks") or {}
    if SMTP not in own.egress or INBOX not in services:
        return
    inbox = set(services[INBOX].get("networks") or {})
    outside = {each for names in joined.values() for each in names if not (networks.get(each) or {}).get("internal")}
    if outside and inbox.isdisjoint(outside):
        yield failed(
            "networks", f"no service that sends mail reaches the inbox ({INBOX})", _connect_inbox(name, *outside)
        )


def _declare(name: str) -> str:
    return f"declare {name}-egress: {{}} under networks in services/{name}/compose.yaml"


def _connect_inbox(name: str, *networks: str) -> str:
    wanted = ", ".join(sorted(networks)) or f"{name}-egress"
    return f"write {INBOX}: {{networks: [{wanted}]}} under services in services/{name}/compose.override.yaml"
