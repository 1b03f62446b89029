"""The merge of three trees: the user's files stay, Landfast's are updated."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cli import ownership
from cli.ownership import APPLICATIONS, LAPTOP, Side
from cli.upgrade import lists
from cli.upgrade.repository import Entry

if TYPE_CHECKING:
    from collections.abc import Collection

    from cli.upgrade.repository import Repository, Tree


@dataclass(frozen=True)
class Trees:
    """The three trees of a merge.

    Args:
        base: the files of the installed release.
        ours: the files of this checkout.
        theirs: the files of the new release.
    """

    base: Tree
    ours: Tree
    theirs: Tree

    def sides(self, path: str) -> tuple[Entry | None, Entry | None, Entry | None]:
        """Return a file in the three trees."""
        return self.base.get(path), self.ours.get(path), self.theirs.get(path)

    def paths(self) -> list[str]:
        """Return the files of all three."""
        return sorted({*self.base, *self.ours, *self.theirs})


@dataclass
class Result:
    """The result of a merge.

    Args:
        tree: the files after the upgrade.
        kept: the user's rooms that the release changes too, each with the user's change: changed, removed or added.
        left_out: rooms that are new in the release and are not added.
        conflicts: Landfast's files that the user changed too, each with the reason why they cannot be merged.
    """

    tree: Tree = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    conflicts: dict[str, str] = field(default_factory=dict)


def merge(repository: Repository, trees: Trees) -> Result:
    """Merge a release into a checkout, without changing any file of the checkout.

    Args:
        repository: the repository with the contents.
        trees: the three trees.
    """
    result = Result()
    own = _rooms(repository, trees, result)
    for path in trees.paths():
        base, ours, theirs = trees.sides(path)
        room = ownership.room(path)
        yours = room in own if room else ownership.side(path) is Side.YOURS
        if yours or theirs in (base, ours):
            chosen = ours
        elif path in (APPLICATIONS, LAPTOP) and base and ours and theirs:
            continue  # merged below, once the rooms are known
        elif ours == base:
            chosen = theirs
        else:
            chosen = _contents(repository, result, path, (base, ours, theirs))
        if chosen:
            result.tree[path] = chosen
    _lists(repository, trees, result)
    for path in result.tree:
        above = [path[:place] for place, letter in enumerate(path) if letter == "/"]
        result.conflicts.update({name: "a file here, a folder there" for name in above if name in result.tree})
    return result


def _rooms(repository: Repository, trees: Trees, result: Result) -> set[str]:
    """Return the user's rooms: changed, removed or added here, or new in a release and not wanted."""
    base, ours, theirs = (_by_room(tree) for tree in (trees.base, trees.ours, trees.theirs))
    own = {room for room in {*base, *ours, *theirs} if ours.get(room) != base.get(room)}
    for room in sorted(own):
        if theirs.get(room) not in (base.get(room), ours.get(room)):
            done = "changed" if room in ours else "removed"
            result.kept[room] = done if room in base else "added"
    listed, wanted = (
        lists.read(repository.text(tree, APPLICATIONS)).entries.keys() for tree in (trees.ours, trees.base)
    )
    if not wanted <= listed:  # a user who removed the demo gets no new rooms of it
        result.left_out += sorted(theirs.keys() - base.keys() - ours.keys())
    return own.union(result.left_out)


def _by_room(tree: Tree) -> dict[str, Tree]:
    found: dict[str, Tree] = {}
    for path, entry in tree.items():
        room = ownership.room(path)
        if room:
            found.setdefault(room, {})[path] = entry
    return found


def _lists(repository: Repository, trees: Trees, result: Result) -> None:
    """Merge the lists of applications; the laptop's list has no room that the first list lacks."""
    rooms: Collection[str] | None = None
    gone = trees.ours.keys() - result.tree.keys() - {APPLICATIONS, LAPTOP}
    for path in (APPLICATIONS, LAPTOP):
        if path not in result.tree and all(trees.sides(path)):
            base, ours, theirs = (repository.text(tree, path) for tree in (trees.base, trees.ours, trees.theirs))
            wanted = {name for name in result.tree if rooms is None or ownership.room(name) in rooms}
            base, theirs = lists.settle(base, ours, theirs, wanted, gone)
            content = repository.merged(base, ours, theirs)
            if content:
                result.tree[path] = Entry(trees.ours[path].mode, content)
            else:
                result.conflicts[path] = "you changed the lines around the list, and so does the release"
        rooms = {str(ownership.room(name)) for name in lists.read(repository.text(result.tree, path)).entries}


def _contents(
    repository: Repository, result: Result, path: str, sides: tuple[Entry | None, Entry | None, Entry | None]
) -> Entry | None:
    """Return the merge of a file that both sides changed; record a conflict in the result."""
    base, ours, theirs = sides
    if base and ours and theirs and base.plain and ours.plain and theirs.plain:
        texts = (repository.git("cat-file", "blob", each.content) for each in (base, ours, theirs))
        content = repository.merged(*texts)
        if content:
            return Entry(theirs.mode if ours.mode == base.mode else ours.mode, content)
    result.conflicts[path] = _reason(base, ours, theirs)
    return None


def _reason(base: Entry | None, ours: Entry | None, theirs: Entry | None) -> str:
    if not base:
        return "you added it, and so does the release"
    if not ours:
        return "you removed it, and the release changes it"
    if not theirs:
        return "you changed it, and the release removes it"
    return "you changed the lines that the release changes"
