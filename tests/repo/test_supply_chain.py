"""The judgements of the commands that look at what images and locks consist of."""

from __future__ import annotations

import tarfile
from dataclasses import replace

from tests.security.audit import Verdict
from tests.security.reproducible import Entry, differences

FILE = Entry(tarfile.REGTYPE, 0o644, (0, 0), "digest", 1.0)


def test_a_package_that_the_index_does_not_know_is_not_a_clean_one() -> None:
    verdict = Verdict()
    verdict.add(
        {"dependencies": [{"name": "django", "skip_reason": "not found"}, {"name": "a", "version": "1", "vulns": []}]}
    )

    assert not verdict.clean
    assert "NOT CHECKED: 1 packages (not found)" in verdict.lines[0]


def test_an_advisory_is_told_with_the_version_that_mends_it() -> None:
    verdict = Verdict()
    verdict.add({"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}]})

    assert not verdict.clean
    assert verdict.lines == ["a 1: PYSEC-1, mended in 2", "1 packages checked, 1 with known advisories"]


def test_locks_without_any_package_are_not_clean() -> None:
    assert not Verdict().clean


def test_files_are_compared_by_all_but_their_time() -> None:
    first = {"same": FILE, "changed": FILE, "mode": FILE, "gone": FILE, "later": FILE}
    second = {
        "same": FILE,
        "changed": replace(FILE, content="other"),
        "mode": replace(FILE, mode=0o755),
        "later": replace(FILE, time=2.0),
        "new": FILE,
    }

    lines, times = differences(first, second)

    assert lines == ["changed: content", "gone: only in the first", "mode: mode", "new: only in the second"]
    assert times == ["later"]
