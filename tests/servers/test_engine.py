"""What rolls ask Docker for, while the managers are choosing another leader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rollout.engine import Engine
from rollout.errors import RolloutError

if TYPE_CHECKING:
    from pathlib import Path

NO_LEADER = "Error response from daemon: rpc error: code = Unknown desc = The swarm does not have a leader."


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ``docker`` that says ``no`` as often as it has lines, then does as it is told."""
    program = tmp_path / "docker"
    program.write_text(
        "#!/bin/sh\n"
        f"no={tmp_path}/no\n"
        'if [ -s "$no" ]; then head -n 1 "$no" >&2; sed -i 1d "$no"; exit 1; fi\n'
        'echo "did $*"\n',
        encoding="ascii",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "no"


def test_it_waits_for_the_managers_to_have_a_leader(docker: Path) -> None:
    docker.write_text(f"{NO_LEADER}\n", encoding="ascii")

    assert Engine().run("stack", "deploy").strip() == "did stack deploy"


def test_it_does_not_wait_for_ever(docker: Path) -> None:
    docker.write_text(f"{NO_LEADER}\n" * 9, encoding="ascii")

    with pytest.raises(RolloutError, match="does not have a leader"):
        Engine(patience=0).run("stack", "deploy")


def test_what_has_another_reason_fails_at_once(docker: Path) -> None:
    docker.write_text("no such service\n" * 2, encoding="ascii")

    with pytest.raises(RolloutError, match="no such service"):
        Engine().run("service", "rm", "x")
    assert docker.read_text(encoding="ascii").count("no such") == 1
