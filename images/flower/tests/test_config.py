"""The vhosts whose failed tasks Flower's pages lead to in the console."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from config import FILE, FlowerSettings
from landfast_runtime.env import Env

if TYPE_CHECKING:
    from pathlib import Path

PLACES = {
    "house": {"port": 5555, "path": "/flower/"},
    "web": {"port": 5556, "path": "/flower/vhost/web/", "durable": True},
    "shop": {"port": 5557, "path": "/flower/vhost/shop/"},
}


@pytest.mark.parametrize(("vhost", "expected"), [("house", True), ("web", True), ("shop", False)])
def test_the_console_has_the_tasks_of_the_shared_database(tmp_path: Path, vhost: str, *, expected: bool) -> None:
    for name in ("flower_password", "rabbitmq_password"):
        (tmp_path / name).write_text("only-for-tests/0123456789-0123456789")
    (tmp_path / FILE).write_text(json.dumps(PLACES))
    variables = {"SECRETS_DIR": str(tmp_path), "RABBITMQ_USER": "flower"}

    assert FlowerSettings.from_env(Env(variables)).of(vhost).is_in_console is expected
