"""Fixtures for tests of rolls: a Swarm in memory, and records in a temporary folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from rollout import deployer, jobs, progress, records, smoke
from tests.servers.clock import Clock
from tests.servers.memory import Swarm

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def swarm() -> Swarm:
    return Swarm()


@pytest.fixture
def kept(tmp_path: Path) -> records.Records:
    return records.Records(tmp_path)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of all waits: their limits and the seconds that they report do not depend on the machine."""
    made = Clock()
    for module in (deployer, jobs, progress, smoke):
        monkeypatch.setattr(module, "time", made)
    return made


@pytest.fixture(autouse=True)
def _answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the site pass the smoke test at once."""
    monkeypatch.setattr(smoke, "run", lambda *_: None)
    for module in (deployer, jobs):
        monkeypatch.setattr(module, "INTERVAL", 0.01)
