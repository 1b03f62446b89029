"""Releases: their versions, and the steps for operators in the changelog."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cli.console import StackError
from cli.settings import ROOT

if TYPE_CHECKING:
    from pathlib import Path

#: The files with the version and with the changes of a checkout.
FILE, CHANGELOG = "VERSION", "CHANGELOG.md"
#: The part of a release's section that operators act on.
TO_DO = "To do"

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)")
_SECTION = re.compile(r"^## \[?(\d+\.\d+\.\d+)\]?.*\n((?:(?!## ).*\n?)*)", re.MULTILINE)
_TO_DO = re.compile(rf"^### {TO_DO}\n((?:(?!### ).*\n?)*)", re.MULTILINE)


def number(text: str) -> tuple[int, ...] | None:
    """Return the version ``1.2.3`` or ``v1.2.3`` as comparable numbers; None if the text is not a version."""
    found = _VERSION.fullmatch(text.strip())
    return tuple(map(int, found.groups())) if found else None


def text(version: tuple[int, ...]) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version))


def here(root: Path = ROOT) -> tuple[int, ...]:
    """Return the version of a checkout: that of its release, or of the last one before it.

    Raises:
        StackError: the file with the version is missing or invalid.
    """
    path = root / FILE
    version = number(path.read_text(encoding="utf-8")) if path.is_file() else None
    if version is None:
        raise StackError(f"{FILE} does not say which release this is", f"git checkout HEAD -- {FILE} brings it back")
    return version


def sections(changelog: str) -> dict[tuple[int, ...], str]:
    """Return the section of each release in a changelog."""
    return {number(version) or (): said for version, said in _SECTION.findall(changelog)}


def to_do(changelog: str, after: tuple[int, ...], until: tuple[int, ...]) -> list[tuple[str, str]]:
    """Return the steps for operators of each release between two, the oldest first.

    Args:
        changelog: the newer release's changelog.
        after: the installed version; its own section is left out.
        until: the new version; its section is the last.

    Returns:
        Pairs of a version and the text of its part "To do", which is empty if there is no such part.
    """
    found = sections(changelog)
    wanted = sorted(version for version in found if after < version <= until)
    parts = ((version, _TO_DO.search(found[version])) for version in wanted)
    return [(text(version), part[1].strip() if part else "") for version, part in parts]
