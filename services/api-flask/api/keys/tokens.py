"""What an API key looks like, and how it is recognised.

A key is ``lfk_<prefix>_<secret>``. The prefix may be shown: it tells keys apart in lists and logs, and finds the row.
The secret has 256 random bits, so that one round of SHA-256 is enough: nobody can try that many, and a slow hash, made
for passwords that people think up, would only slow down every request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

#: Tells secret scanners and people what it is.
MARK = "lfk"

_SHAPE = re.compile(rf"{MARK}_([0-9a-f]{{12}})_[A-Za-z0-9_-]{{43}}", re.ASCII)


@dataclass(frozen=True)
class NewKey:
    """A key that was just made; ``text`` is shown to its holder once."""

    prefix: str
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """What is kept."""
        return digest(self.text)


def make() -> NewKey:
    """Return a key that nobody has."""
    prefix = secrets.token_hex(6)
    return NewKey(prefix, f"{MARK}_{prefix}_{secrets.token_urlsafe(32)}")


def prefix_of(text: str) -> str | None:
    """Return the prefix of a key, or None if it has not the shape of one."""
    match = _SHAPE.fullmatch(text)
    return match.group(1) if match else None


def digest(text: str) -> bytes:
    """Return what is kept of a key."""
    return hashlib.sha256(text.encode()).digest()


def is_same(text: str, kept: bytes) -> bool:
    """Return whether a key is the one that ``kept`` was made of, in the same time whichever it is."""
    return hmac.compare_digest(digest(text), kept)
