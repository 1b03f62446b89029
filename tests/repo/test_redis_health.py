"""Redis' own health check: it fails if a restart would help, and not because of a full disk."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE

SCRIPT = Path(__file__).parents[2] / "images/redis/redis-health"


def check(folder: Path, answer: str, status: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the check with a ``redis-cli`` that gives this answer to the right user with the password on its input."""
    (folder / "health").write_text("swordfish")
    client = folder / "redis-cli"
    asked = "--user health --askpass SET health 1 EX 60/swordfish"
    client.write_text(f'#!/bin/sh\n[ "$*/$(cat)" = "{asked}" ] || exit 9\necho "{answer}"\nexit {status}\n')
    client.chmod(0o755)
    variables = {"PATH": f"{folder}:{os.environ['PATH']}", "SECRETS_DIR": str(folder)}
    return subprocess.run([SCRIPT], env=variables, capture_output=True, text=True, check=False, timeout=PATIENCE * 20)


@pytest.mark.parametrize(
    "answer",
    [
        "OK",
        "MISCONF Errors writing to the AOF file: No space left on device",
        "OOM command not allowed when used memory > 'maxmemory'.",
    ],
)
def test_it_is_healthy_while_it_answers_though_it_is_full(tmp_path: Path, answer: str) -> None:
    assert check(tmp_path, answer).returncode == 0


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ("LOADING Redis is loading the dataset in memory", 0),
        ("READONLY You can't write against a read only replica.", 0),
        ("NOAUTH Authentication required.", 0),
        ("Could not connect to Redis at 127.0.0.1:6379: Connection refused", 1),
        ("", 0),
    ],
)
def test_it_is_unhealthy_where_a_restart_may_help_and_says_why(tmp_path: Path, answer: str, status: int) -> None:
    done = check(tmp_path, answer, status)

    assert done.returncode == 1
    assert done.stdout.strip() == (answer or "no answer")
