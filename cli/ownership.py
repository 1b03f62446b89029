"""The one list of the user's files and of Landfast's, which ``./stack upgrade`` uses.

``docs/how-to/upgrade.md`` shows it to people. Tests compare the two, and check that every file is on exactly one side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum


class Side(Enum):
    """The owner of a file."""

    YOURS = "yours"
    #: A file of Landfast's that contains the user's list of applications.
    LIST = "list"
    OURS = "ours"


@dataclass(frozen=True)
class Part:
    """A part of a checkout.

    Args:
        pattern: a path from the root; ``*`` stands for one name, and a slash at the end means everything below.
        side: its owner.
        why: its description on the page, which does not list Landfast's own parts.
        but: patterns that belong to another part.
    """

    pattern: str
    side: Side
    why: str = ""
    but: tuple[str, ...] = ()

    def has(self, path: str) -> bool:
        """Return whether ``path`` belongs to this part."""
        return _matches(self.pattern, path) and not any(_matches(each, path) for each in self.but)


#: The rooms of applications. The demo's are Landfast's until somebody changes or removes one.
ROOMS = "services/*/"
#: The files with lists of applications: of all, and of those that have a file for laptops.
APPLICATIONS, LAPTOP = "compose.yaml", "compose.override.yaml"
INVENTORIES = "ansible/inventories/"
#: Inventories that come with Landfast.
EXAMPLES = tuple(f"{INVENTORIES}{name}/" for name in ("example-single", "example-cluster", "local"))

_OURS = (
    *(".ansible-lint", ".ci/", ".dockerignore", ".editorconfig", ".env.example", ".gitattributes", ".gitignore"),
    *(".hadolint.yaml", ".pre-commit-config.yaml", ".shellcheckrc", ".yamllint.yaml", "pyproject.toml"),
    *("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE", "VERSION", "docs/"),
    *(
        "compose.apache.yaml",
        "compose.house.yaml",
        "compose.ipv6.yaml",
        "compose.laptop.yaml",
        "compose.servers.yaml",
        "compose.templates.yaml",
    ),
    *("compose.templates.servers.yaml", "services/overrides.txt"),
    *("ansible/ansible.cfg", "ansible/playbooks/", "ansible/requirements.in", "ansible/requirements.txt"),
    *("ansible/roles/", *EXAMPLES),
    *("stack", "cli/", "console/", "contract/", "images/", "libs/", "nginx/", "rollout/", "tests/"),
)

PARTS = (
    Part(ROOMS, Side.YOURS, "your applications, and each room of the demo that you changed or removed"),
    Part(".env", Side.YOURS, "your settings on this machine; Git ignores the file"),
    Part(INVENTORIES, Side.YOURS, "your servers, their settings and vault; the examples are Landfast's", EXAMPLES),
    Part(APPLICATIONS, Side.LIST, "the list of applications is yours, the rest of the file Landfast's"),
    Part(LAPTOP, Side.LIST, "likewise, for the files of applications that only a laptop reads"),
    *(Part(pattern, Side.OURS) for pattern in _OURS),
)


def parts(path: str) -> list[Part]:
    """Return the parts that a file belongs to: one, or none if the file is unknown."""
    return [part for part in PARTS if part.has(path)]


def side(path: str) -> Side:
    """Return the owner of a file; a file that belongs to no part is merged like Landfast's own."""
    return next((part.side for part in parts(path)), Side.OURS)


def room(path: str) -> str | None:
    """Return the room of a file, as ``services/NAME/``; None if it is not in a room."""
    found = _pattern(ROOMS, "").match(path)
    return found[0] if found else None


def _matches(pattern: str, path: str) -> bool:
    return _pattern(pattern, ".+" if pattern.endswith("/") else "").fullmatch(path) is not None


def _pattern(pattern: str, below: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", "[^/]+") + below)
