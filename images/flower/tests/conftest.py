"""Settings for tests: made-up secrets and no broker. They are set before any module of the image is imported."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

_secrets = Path(tempfile.mkdtemp(prefix="flower-tests-"))
for _name in ("flower_password", "rabbitmq_password"):
    (_secrets / _name).write_text("only-for-tests/0123456789-0123456789")

(_secrets / "vhosts.json").write_text(
    json.dumps({"other": {"port": 5555, "path": "/flower/"}, "shop": {"port": 5556, "path": "/flower/vhost/shop/"}})
)

os.environ |= {
    "SECRETS_DIR": str(_secrets),
    "RABBITMQ_HOST": "127.0.0.1",
    "RABBITMQ_PORT": "1",
    "RABBITMQ_USER": "flower",
}
