"""Networks that lead out: which services of a Compose file can connect to the internet, and which of them lack DNS."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The house's network for the external connections of all applications in release 0.1.0.
FORMER = "egress"
#: The file with the templates. They have no external DNS server, and keys of contracts.
TEMPLATES = "compose.templates.yaml"
_MASQUERADE = "com.docker.network.bridge.enable_ip_masquerade"


def calling_out(services: Mapping[str, Mapping[str, Any]], networks: Mapping[str, Any]) -> list[str]:
    """Return the services in a network with connections to the internet.

    Args:
        services: the services of the file.
        networks: the networks that the file declares.
    """
    outside = {FORMER, *(name for name, entry in networks.items() if _leads_out(entry or {}))}
    return [name for name, entry in services.items() if not outside.isdisjoint(_names(entry.get("networks")))]


def without_dns(services: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return the services that resolve no external names: a template sets their ``dns``, and they do not reset it."""
    return [name for name in services if _keeps_template_dns(name, services)]


def _keeps_template_dns(name: str, services: Mapping[str, Mapping[str, Any]]) -> bool:
    seen: set[str] = set()
    while name in services and name not in seen:
        seen.add(name)
        if "dns" in services[name]:
            return False
        extended = services[name].get("extends")
        if isinstance(extended, dict) and "file" in extended:
            return str(extended["file"]).endswith(TEMPLATES)
        name = str(extended.get("service") if isinstance(extended, dict) else extended)
    return False


def _leads_out(network: Mapping[str, Any]) -> bool:
    masquerades = (network.get("driver_opts") or {}).get(_MASQUERADE) != "false"
    return masquerades and not network.get("internal")


def _names(value: object) -> list[str]:
    """Return the names in one of Compose's lists, which may also be a mapping."""
    return [str(name) for name in value] if isinstance(value, (list, dict)) else []
