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


def files(contracts: Sequence[Contract]) -> dict[str, dict[str, str]]:
    """Return service -> name in /run/secrets -> content."""
    own = [name for _, name, _ in below(contracts, "broker", "vhosts")]
    # Below "vhost", because a vhost may have the name of one of Flower's own pages.
    paths = {SHARED: "/flower/", **{name: f"/flower/vhost/{name}/" for name in own}}
    places: dict[str, dict[str, int | str | bool]] = {
        name: {"port": PORT + number, "path": path} for number, (name, path) in enumerate(paths.items())
    }
    for name in shared_vhosts(contracts):
        places[name]["durable"] = True  # the console has their tasks
    document = {"vhosts.json": as_json(places)}
    # Rows of the map from an address to its Flower; snippets/resolve.conf has the default.
    rows = "".join(f"~^{places[name]['path']} flower:{places[name]['port']};\n" for name in own)
    return {"flower": document, "console": document, "nginx": {"flower.conf": HEAD + rows}}
