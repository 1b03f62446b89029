"""Flower: where the process of each vhost answers, for itself, for Nginx, and for the console's front page."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from contract.named import below
from contract.nginx import HEAD
from contract.rabbitmq import SHARED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from contract.files import Contract

#: Where the process of the vhost of durable tasks listens; the others follow, as the contracts do.
PORT = 5555


def files(contracts: Sequence[Contract]) -> dict[str, dict[str, str]]:
    """Return service -> name in /run/secrets -> content."""
    own = [name for _, name, _ in below(contracts, "broker", "vhosts")]
    # Below "vhost", for a vhost may be called like one of Flower's own pages.
    paths = {SHARED: "/flower/", **{name: f"/flower/vhost/{name}/" for name in own}}
    places = {name: {"port": PORT + number, "path": path} for number, (name, path) in enumerate(paths.items())}
    document = {"vhosts.json": json.dumps(places, indent=2) + "\n"}
    # Rows of the map from an address to who answers it: snippets/resolve.conf has that of all others.
    rows = "".join(f"~^{places[name]['path']} flower:{places[name]['port']};\n" for name in own)
    return {"flower": document, "console": document, "nginx": {"flower.conf": HEAD + rows}}
