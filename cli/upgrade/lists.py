"""The lists of applications in ``compose.yaml`` and ``compose.override.yaml``: the user's lists in Landfast's files."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_ITEM = re.compile(r"( *)- ")
_ENTRY = re.compile(r"""( *- ["']?)(?:\./)?(services/[\w.-]+/[\w.-]+)["']?\s*(?:#.*)?""")


@dataclass(frozen=True)
class Listing:
    """A file with a list in it, as lines with their line ends.

    Args:
        before: the lines above the list.
        lines: the list, with its comments.
        after: the lines below.
    """

    before: tuple[str, ...]
    lines: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def entries(self) -> dict[str, str]:
        """The Compose files in the list, each with its line."""
        matches = ((_ENTRY.fullmatch(line.rstrip("\n")), line) for line in self.lines)
        return {match[2]: line for match, line in matches if match}

    def having(self, lines: Sequence[str]) -> str:
        """Return the file with another list."""
        return "".join((*self.before, *lines, *self.after))


def read(text: str, original: str | None = None) -> Listing:
    """Return a file split at its list.

    Args:
        text: the file's text.
        original: the release's version of the file. The user's own lines beside the list belong to the list: comments,
            or files from elsewhere.
    """
    lines = [f"{line}\n" for line in text.removesuffix("\n").split("\n")] if text else []
    found = [number for number, line in enumerate(lines) if _ENTRY.fullmatch(line.rstrip("\n"))]
    if found:
        start, end = found[0], found[-1] + 1
    else:  # an empty list: its place is below the house's own file
        start = end = max((number + 1 for number, line in enumerate(lines) if _ITEM.match(line)), default=len(lines))
    if original is not None:
        known = {line.strip() for line in original.split("\n")}
        while start and _is_own(lines[start - 1], known):
            start -= 1
        while end < len(lines) and _is_own(lines[end], known):
            end += 1
    return Listing(tuple(lines[:start]), tuple(lines[start:end]), tuple(lines[end:]))


def _is_own(line: str, known: Collection[str]) -> bool:
    return line.startswith(" ") and line.strip() not in known


def settle(base: str, ours: str, theirs: str, wanted: Collection[str], gone: Collection[str]) -> tuple[str, str]:
    """Return the two releases' files with the user's list in each, so that a merge sees no difference in it.

    The new release's list is the user's list without Compose files that the upgrade removes, and with those that it
    adds.

    Args:
        base: the file of the installed release.
        ours: the user's file.
        theirs: the new release's file.
        wanted: Compose files that may be added to the list.
        gone: Compose files that the upgrade removes.
    """
    before, after = read(base), read(theirs)
    mine = read(ours, base)
    had = mine.entries
    kept = [line for line in mine.lines if line not in {had[name] for name in had.keys() & set(gone)}]
    indent = next((_indent(line) for line in had.values()), None)
    more = [
        line if indent is None else indent + line.lstrip(" ")
        for name, line in after.entries.items()
        if name in wanted and name not in before.entries and name not in had
    ]
    last = max((number for number, line in enumerate(kept) if line in had.values()), default=-1) + 1
    return before.having(mine.lines), after.having([*kept[:last], *more, *kept[last:]])


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" "))]
