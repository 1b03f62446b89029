"""The choice of the releases that are removed from the image registry."""

from __future__ import annotations

import os
import runpy
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "ansible/roles/registry/files/clean-registry"


#: A function of the program, which has no suffix and so cannot be imported.
old_tags = runpy.run_path(str(SCRIPT))["old_tags"]


@pytest.fixture
def repositories(tmp_path: Path) -> Path:
    """Return a registry's folder with two images in releases 1 to 5; a higher number is newer."""
    for name in ("landfast/web-django", "landfast/nginx"):
        for number in range(1, 6):
            link = tmp_path / name / "_manifests/tags" / f"release-{number}" / "current/link"
            link.parent.mkdir(parents=True)
            link.write_text(digest(name, number))
            os.utime(link, (number, number))
    return tmp_path


def digest(name: str, number: int) -> str:
    return f"sha256:{name}-{number}"


def test_the_newest_stay(repositories: Path) -> None:
    old = old_tags(repositories, 3, set())
    assert sorted({tag.name for tag in old}) == ["release-1", "release-2"]
    assert len(old) == 4


def test_what_runs_stays_however_old(repositories: Path) -> None:
    old = old_tags(repositories, 3, {digest("landfast/nginx", 1)})
    gone = {tag.relative_to(repositories).as_posix().replace("/_manifests/tags", "") for tag in old}
    assert gone == {"landfast/nginx/release-2", "landfast/web-django/release-1", "landfast/web-django/release-2"}


def test_an_empty_registry_has_nothing_to_remove(tmp_path: Path) -> None:
    assert old_tags(tmp_path / "none", 3, set()) == []
