"""The name of a release: from the commit, and from uncommitted changes of the release's files."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from cli.console import StackError
from cli.servers import images

if TYPE_CHECKING:
    from pathlib import Path

MINE = "ansible/inventories/mine/hosts.yml"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a repository with one commit, from which the release is built."""
    monkeypatch.setattr(images, "ROOT", tmp_path)
    write(tmp_path / "services/app.py", "1")
    write(tmp_path / "ansible/inventories/example-single/hosts.yml", "all: {}")
    for command in (
        ["init", "--quiet"],
        ["add", "."],
        ["-c", "user.name=me", "-c", "user.email=me@here.test", "commit", "--quiet", "--message=First"],
    ):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_an_inventory_of_ones_own_is_no_change_of_the_release(checkout: Path) -> None:
    clean = images.release_name(dirty=False)
    write(checkout / MINE, "all: {}")
    write(checkout / "ansible/inventories/example-single/hosts.yml", "all: {hosts: {}}")

    assert images.release_name(dirty=False) == clean
    assert images.release_name(dirty=True) == clean
    assert len(clean) == images.SHORT


@pytest.mark.parametrize("name", ["services/app.py", "services/new.py", "ansible/playbooks/site.yml"])
def test_any_other_change_is_told_and_nothing_is_offered_that_takes_files_away(checkout: Path, name: str) -> None:
    write(checkout / MINE, "all: {}")
    write(checkout / name, "2")

    with pytest.raises(StackError, match="changes that are in no commit") as caught:
        images.release_name(dirty=False)

    assert "inventories" not in str(caught.value)
    assert "stash" not in str(caught.value)
    assert "-dirty-" in images.release_name(dirty=True)


def test_a_trials_name_follows_its_contents_and_not_the_inventory(checkout: Path) -> None:
    write(checkout / "services/new.py", "2")
    first = images.release_name(dirty=True)
    write(checkout / MINE, "all: {}")
    assert images.release_name(dirty=True) == first

    write(checkout / "services/new.py", "3")
    assert images.release_name(dirty=True) != first
