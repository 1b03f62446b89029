"""The format of API keys, and their verification.

A key is ``lfk_<prefix>_<secret>``. The prefix is public: it identifies keys in lists and logs, and finds the row. The
secret has 256 random bits, so that one round of SHA-256 is enough: the secret cannot be guessed, and a slow hash, which
is meant for passwords, would only slow down every request.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass, field

#: Identifies a key for secret scanners and people.
MARK = "lfk"

_SHAPE = re.compile(rf"{MARK}_([0-9a-f]{{12}})_[A-Za-z0-9_-]{{43}}", re.ASCII)


@dataclass(frozen=True)
class NewKey:
    """A new key; ``text`` is shown to its owner once."""

    prefix: str
    text: str = field(repr=False)

    @property
    def digest(self) -> bytes:
        """The hash that is stored."""
        return digest(self.text)


def make() -> NewKey:
    """Return a new random key."""
    prefix = secrets.token_hex(6)
    return NewKey(prefix, f"{MARK}_{prefix}_{secrets.token_urlsafe(32)}")


def prefix_of(text: str) -> str | None:
    """Return the prefix of a key, or None if the text is not in the format of one."""
    match = _SHAPE.fullmatch(text)
    return match.group(1) if match else None


def digest(text: str) -> bytes:
    """Return a key's hash, which is stored."""
    return hashlib.sha256(text.encode()).digest()


def is_same(text: str, kept: bytes) -> bool:
    """Return whether ``kept`` is a key's hash, in constant time."""
    return hmac.compare_digest(digest(text), kept)
