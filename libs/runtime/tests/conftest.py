"""Shared fixtures."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from landfast_runtime import health
from landfast_testing.waiting import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def _root_logger() -> Iterator[None]:
    """Restores the root logger after a test."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _unhurried_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give checks that answer at once long: a busy machine may hold a test up for seconds."""
    monkeypatch.setattr(health, "CHECK_TIMEOUT", DEADLINE)
