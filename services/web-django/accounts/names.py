"""Names that strangers choose: what letters show of them, and names that look like others' names."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from accounts.models import User

#: The longest name in a letter.
LONGEST: Final = 40

#: What mail programs make a link of, telephone numbers among it, or what only an advertisement has in a name.
_LINK = re.compile(r"[^\w\s.'\u2019-]|\w\.\w|\bwww\b|\bhttps?\b|(?:\d\W{0,2}){9}", re.IGNORECASE)
_NOT_IN_NAMES = re.compile(r"(?:\d\W{0,2}){9,}|[^\w\s'\u2019-]+")

#: Cyrillic and Greek letters that look like Latin ones.
_TWINS: Final = dict(
    zip(
        "\u0430\u0432\u0435\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0455\u0456\u0458\u0501\u051b\u051d\u04bb"
        "\u03b1\u03b2\u03b5\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7",
        "abekmhopctyxsijdqwhabeikvoptyx",
        strict=True,
    )
)
#: Names in Japanese and Korean use several of them.
_WRITTEN_TOGETHER: Final = {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"}
_LATIN_TWINS: Final = [
    {ord(latin): twin for twin, latin in _TWINS.items() if unicodedata.name(twin).startswith(script)}
    for script in ("CYRILLIC", "GREEK")
]


def in_letters(user: User) -> str:
    """Return what a letter calls a user: the full name if it looks like one, else the user name without punctuation.

    A letter may go to somebody who has never been here, in our name. So it repeats no text that a program or a person
    could follow.
    """
    for name in (" ".join(user.get_full_name().split()), user.get_username()):
        if name and len(name) <= LONGEST and not _LINK.search(name):
            return name
    return " ".join(_NOT_IN_NAMES.sub(" ", user.get_username()).split())[:LONGEST].strip()


def mixes_scripts(name: str) -> bool:
    """Return whether a name has letters of several alphabets, which serves only imitation."""
    scripts = {unicodedata.name(letter, "?").split()[0] for letter in name if letter.isalpha()}
    return len({"CJK" if script in _WRITTEN_TOGETHER else script for script in scripts}) > 1


def look_alikes(name: str) -> set[str]:
    """Return the names in other alphabets that look like a name."""
    folded = name.casefold()
    latin = "".join(_TWINS.get(letter, letter) for letter in folded)
    return {latin, *(latin.translate(table) for table in _LATIN_TWINS)} - {folded}
