"""Shows how a rollout goes on in its systemd unit, for the playbook that has started it."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

INTERVAL = 0.5
#: Seconds after which an answer comes although nothing is new.
PATIENCE = 10.0
#: The unit that ends a rollout after a restart of the host.
RESUME = "landfast-resume"


def follow(
    path: Path, known: int, alive: Callable[[str], bool] | None = None, patience: float = PATIENCE
) -> dict[str, Any]:
    """Return the new lines of a rollout, once there are some or it has ended.

    Args:
        path: its result file.
        known: the number of lines that are known already.
        alive: whether a unit runs.
        patience: seconds to wait for new lines.

    Returns:
        ``lines``; ``ended``: whether the result is complete; ``alive``: whether a program is at work that completes it.
    """
    deadline = time.monotonic() + patience
    while True:
        runs = any(map(alive or is_active, (f"landfast-{path.stem}", RESUME)))
        content = read(path)
        lines, ended = list(content.get("progress", ()))[known:], bool(content.get("ended"))
        if lines or ended or not runs or time.monotonic() > deadline:
            return {"lines": lines, "ended": ended, "alive": runs}
        time.sleep(INTERVAL)


def read(path: Path) -> dict[str, Any]:
    """Return the content of a result file; nothing if it is not there, or is being written."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def is_active(unit: str) -> bool:
    """Return whether a unit runs, or is about to start or end."""
    command = ["systemctl", "show", "--property=ActiveState", "--value", unit]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout.strip() in {"active", "activating", "deactivating", "reloading"}
