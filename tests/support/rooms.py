"""The Compose file in an application's folder, as far as tests read it themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml  # type: ignore[import-untyped] # Ansible brings it

if TYPE_CHECKING:
    from pathlib import Path


def compose_file(room: Path) -> dict[str, Any]:
    """Return the content of an application's ``compose.yaml``.

    Args:
        room: the application's folder.
    """
    text = (room / "compose.yaml").read_text(encoding="utf-8").replace("!override ", "")
    return dict(yaml.safe_load(text))


def undeclared_networks(room: Path) -> set[str]:
    """Return the networks that services of an application join though its file does not declare them.

    Args:
        room: the application's folder.
    """
    content = compose_file(room)
    joined = {network for service in content["services"].values() for network in service.get("networks", ())}
    return joined - set(content["networks"])
