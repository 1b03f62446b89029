"""Flower: the address of each vhost's Flower, for Flower itself, for Nginx, and for the console's front page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from contract.durable import shared_vhosts
from contract.named import as_json, below
from contract.nginx import HEAD
from contract.rabbitmq import SHARED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.files import Contract

#: The port of the Flower for the vhost of durable tasks; the others have the next ports, in the contracts' order.
PORT = 5555


def ports(contracts: Sequence[Contract]) -> dict[str, int]:
    """Return the path of each vhost's Flower, with its port."""
    return {path: PORT + number for number, path in enumerate(_paths(contracts).values())}


def files(contracts: Sequence[Contract]) -> dict[str, dict[str, str]]:
    """Return service -> name in /run/secrets -> content."""
    paths, port = _paths(contracts), ports(contracts)
    places: dict[str, dict[str, int | str | bool]] = {
        name: {"port": port[path], "path": path} for name, path in paths.items()
    }
    for name in shared_vhosts(contracts):
        places[name]["durable"] = True  # the console has their tasks
    document = {"vhosts.json": as_json(places)}
    # Rows of the map from an address to its Flower; snippets/resolve.conf has the default.
    rows = "".join(f"~^{path} flower:{port[path]};\n" for name, path in paths.items() if name != SHARED)
    return {"flower": document, "console": document, "nginx": {"flower.conf": HEAD + rows}}


def _paths(contracts: Sequence[Contract]) -> dict[str, str]:
    """Return the name of each vhost, with the path of its Flower."""
    own = [name for _, name, _ in below(contracts, "broker", "vhosts")]
    # Below "vhost", because a vhost may have the name of one of Flower's own pages.
    return {SHARED: "/flower/", **{name: f"/flower/vhost/{name}/" for name in own}}
