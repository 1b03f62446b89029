"""An upgrade that is not possible changes nothing, and names the reason and the fix."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.support.upgrades import Work

if TYPE_CHECKING:
    from pathlib import Path

#: Each test runs Git dozens of times.
pytestmark = pytest.mark.slow


def test_each_file_of_landfasts_that_is_in_conflict_is_named_with_its_reason(fresh: Work) -> None:
    fresh.replace("nginx/nginx.conf", "\n", "\n# mine\n")
    fresh.replace("compose.yaml", "include:", "# mine\ninclude:")
    fresh.write({"services/overrides.txt": None, "compose.more.yaml": "services: {mine: {}}\n"})
    fresh.commit()

    said = fresh.refused()

    assert "nginx/nginx.conf: you changed the lines that the release changes" in said
    assert "compose.yaml: you changed the lines around the list, and so does the release" in said
    assert "services/overrides.txt: you removed it, and the release changes it" in said
    assert "compose.more.yaml: you added it, and so does the release" in said
    assert "git diff" in said
    assert "HEAD -- compose.more.yaml compose.yaml nginx/nginx.conf services/overrides.txt" in said


def test_changes_that_are_in_no_commit_are_named(own: Work) -> None:
    own.replace("nginx/nginx.conf", "\n", "\n# mine\n")

    said = own.refused()

    assert "changes are in no commit:\n     M nginx/nginx.conf" in said
    assert "git stash" in said


def test_new_files_that_are_in_no_commit_do_not_matter_unless_they_are_in_the_way(own: Work) -> None:
    own.write({"notes.txt": "mine", "nginx/more.conf": "mine"})
    assert "nginx/more.conf" in own.refused()

    own.write({"nginx/more.conf": None})
    own.upgraded()

    assert own.read("notes.txt") == "mine"


def test_an_ignored_file_is_not_overwritten(own: Work) -> None:
    own.write({".git/info/exclude": "more.conf\n", "nginx/more.conf": "mine"})

    assert "nginx/more.conf" in own.refused()


def test_a_merge_that_is_half_done_is_told_with_the_way_out(own: Work) -> None:
    own.git("switch", "--quiet", "--create", "other")
    own.write({"notes.txt": "other"})
    own.commit()
    own.git("switch", "--quiet", "-")
    own.git("merge", "--quiet", "--no-ff", "--no-commit", "other")

    said = own.refused()

    assert "in the middle of something (MERGE_HEAD)" in said
    assert "git merge --abort" in said


def test_a_checkout_on_no_branch_is_told_so(own: Work) -> None:
    own.git("switch", "--quiet", "--detach")

    assert "no branch is checked out" in own.refused()


@pytest.mark.parametrize("version", ["1.3.0", "main", "v1"])
def test_an_unknown_version_is_refused_with_the_newest_releases(own: Work, version: str) -> None:
    assert f"{version} is no release\n  the newest are: 1.2.0, 1.1.0, 1.0.0" in own.refused(version)


def test_an_older_release_is_refused(own: Work) -> None:
    own.upgraded()

    assert "1.1.0 is older than 1.2.0, which is here" in own.refused("1.1.0")


def test_ones_own_tags_are_no_releases_of_landfast_and_stay(own: Work) -> None:
    for version in ("v1.1.0", "v9.0.0"):
        own.git("tag", version)
    tagged = own.git("rev-parse", "v1.1.0")

    assert "9.0.0 is no release" in own.refused("9.0.0")
    own.upgraded("1.1.0")

    assert own.git("rev-parse", "v1.1.0") == tagged
    assert own.git("tag").split() == ["v1.1.0", "v9.0.0"]


def test_releases_come_from_upstream_if_origin_is_ones_own(landfast: Work, own: Work, tmp_path: Path) -> None:
    own.git("remote", "set-url", "origin", str(tmp_path / "ours"))
    said = own.refused()
    assert "the releases cannot be fetched" in said
    assert "--from ADDRESS" in said

    own.git("remote", "add", "upstream", str(landfast.root))
    own.upgraded("1.1.0")
    own.git("remote", "remove", "upstream")
    own.git("remote", "remove", "origin")
    assert "no remote" in own.refused()

    assert "1.1.0 -> 1.2.0" in own.upgraded("--from", str(landfast.root))


def test_a_repository_without_releases_is_told_so(own: Work, tmp_path: Path) -> None:
    own.git("init", "--quiet", str(tmp_path / "empty"))

    assert "no releases are there" in own.refused("--from", str(tmp_path / "empty"))


def test_a_folder_that_is_no_clone_is_told_so(landfast: Work, tmp_path: Path) -> None:
    shutil.copytree(landfast.root, tmp_path / "copy", ignore=shutil.ignore_patterns(".git"))

    done = Work(tmp_path / "copy").upgrade()

    assert done.returncode == 1
    assert "is no clone of Landfast" in done.stderr
