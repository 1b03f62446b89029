"""The changelog has the operators' steps for each release, and its newest release is this one."""

from __future__ import annotations

import re

from cli.upgrade import releases
from tests.support.stack import ROOT

CHANGELOG = (ROOT / releases.CHANGELOG).read_text(encoding="utf-8")


def test_the_version_is_the_changelogs_newest_release() -> None:
    assert releases.here(ROOT) == max(releases.sections(CHANGELOG), default=(0, 0, 0))


def test_releases_stand_below_unreleased_changes_the_newest_first() -> None:
    headings = re.findall(r"^## (.+)$", CHANGELOG, re.MULTILINE)

    assert headings[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d\d-\d\d", heading) for heading in headings[1:])
    assert list(releases.sections(CHANGELOG)) == sorted(releases.sections(CHANGELOG), reverse=True)


def test_every_release_has_steps_for_operators() -> None:
    found = releases.to_do(CHANGELOG, (), max(releases.sections(CHANGELOG), default=()))

    assert [version for version, text in found if not text] == []


def test_steps_for_operators_stand_where_an_upgrade_reads_them() -> None:
    assert f"### {releases.TO_DO}\n" in CHANGELOG
    assert [line for line in CHANGELOG.splitlines() if "**To do" in line] == [], "move it to the section To do"
