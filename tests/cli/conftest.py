"""Clones of Landfast's releases, for upgrades."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support import upgrades

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.upgrades import Work


@pytest.fixture(scope="session")
def landfast(tmp_path_factory: pytest.TempPathFactory) -> Work:
    """Return Landfast's repository with releases 1.0.0, 1.1.0 and 1.2.0, made from this checkout's files."""
    return upgrades.releases(tmp_path_factory.mktemp("landfast"))


@pytest.fixture
def fresh(landfast: Work, tmp_path: Path) -> Work:
    """Return an unchanged clone of 1.0.0."""
    return landfast.clone(tmp_path / "my clone")


@pytest.fixture
def own(fresh: Work) -> Work:
    """Return a clone of 1.0.0 with two applications instead of the demo, settings and an inventory."""
    upgrades.own_applications(fresh)
    return fresh
