"""Strategies for hostile input: NUL, lone surrogates, depth, huge numbers, broken encodings."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING
from urllib.parse import quote

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hypothesis.strategies import SearchStrategy

    type Json = bool | float | str | list[Json] | dict[str, Json] | None

#: Texts that are known to break programs.
TEXTS = (
    "",
    "\0",
    "a\0b",
    "\ud800",
    "\udfff\ud800",
    "'\"<\\",
    "(",
    "[",
    "http://[",
    "-1",
    "9" * 30,
    "9" * 5000,
    "1e999",
    "NaN",
    "yesterday",
    "2026-02-31",
    "99999-01-01",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-14:00",
    "a" * 10_000,
)

#: Numbers beyond what databases, calendars and floats hold.
NUMBERS = (0, -1, 2**31, -(2**31) - 1, 2**53, 2**63, -(2**63) - 1, 2**64, 10**400, 1e308, -0.0, 0.5)

#: Bodies that are no JSON, or too much of it.
BODIES = (
    b"",
    b"null",
    b"NaN",
    b'"x"',
    b"{",
    b"\xff",
    b"\xef\xbb\xbf{}",
    b"[" * 100_000,
    b'{"a":' * 20_000,
    b"[" * 2000 + b"]" * 2000,
    b"9" * 5000,
    b'{"a":1e999}',
    b'{"a":-Infinity}',
)

#: Charsets: the usual, some that only Python knows, and none.
CHARSETS = ("utf-8", "utf-16", "base64", "rot13", "bz2", "unicode_escape", "idna", "undefined", "nonsense", '"', "\xff")


#: A short run tries one in so many of the generated cases: the first ones of the same sequence.
SHARE = int(os.environ.get("GENERATED_SHARE") or 1)


def bounded(examples: int) -> settings:
    """Return Hypothesis settings: the same cases in every run, without a deadline for each.

    Args:
        examples: the number of cases in a full run, see :data:`SHARE`.
    """
    shared = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large]
    return settings(
        max_examples=examples // SHARE,
        derandomize=True,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=shared,
    )


def texts() -> SearchStrategy[str]:
    """Return texts of any characters, including those that UTF-8 cannot encode."""
    return st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=()), max_size=12)


def values() -> SearchStrategy[Json]:
    """Return any JSON values."""
    plain = st.none() | st.booleans() | st.sampled_from(NUMBERS) | st.integers() | texts()
    return st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts(), inner, max_size=3))


def objects(good: dict[str, Json]) -> SearchStrategy[dict[str, Json]]:
    """Return a valid document with some of its fields replaced, left out or added.

    Args:
        good: the valid document.
    """
    changed = st.dictionaries(st.sampled_from(sorted(good)) | texts(), values(), max_size=2)
    left_out = st.none() | st.sampled_from(sorted(good))
    return st.builds(
        lambda new, gone: {name: value for name, value in {**good, **new}.items() if name != gone}, changed, left_out
    )


def bodies(documents: SearchStrategy[dict[str, Json]]) -> SearchStrategy[bytes]:
    """Return bodies: mostly documents, some of them truncated or in another encoding, some no documents at all."""
    written = documents.map(json.dumps)
    broken = st.builds(lambda text, end: text[:end].encode(), written, st.integers(0, 40))
    foreign = st.builds(str.encode, written, st.sampled_from(["utf-16", "utf-32", "utf-8-sig"]))
    return written.map(str.encode) | st.sampled_from(BODIES) | broken | foreign | st.binary(max_size=20)


def queries(names: Iterable[str]) -> SearchStrategy[str]:
    """Return the encoded query of an address: known names and others, with any values.

    Args:
        names: the known parameters.
    """
    name = st.sampled_from(sorted(names)) | texts()
    pairs = st.lists(st.tuples(name, texts()), max_size=3)
    return pairs.map(lambda found: "&".join(f"{encoded(name)}={encoded(value)}" for name, value in found))


def encoded(text: str) -> str:
    """Return a text percent-encoded for an address; a lone surrogate as the bytes that it would have."""
    return quote(text, safe="", errors="surrogatepass")


def content_types(kinds: Sequence[str]) -> SearchStrategy[str]:
    """Return content types of bodies: mostly plain, some with a charset.

    Args:
        kinds: media types.
    """
    kind = st.sampled_from(kinds)
    return kind | st.builds(lambda kind, charset: f"{kind}; charset={charset}", kind, st.sampled_from(CHARSETS))


def header_values() -> SearchStrategy[str]:
    """Return header values that servers admit: bytes without control characters, in WSGI's form."""
    nasty = ("", '"', "[", "http://[", "*/*;q=x", "en;q=9e99", "Basic ====", r'sessionid="\000\000\000\000"')
    return st.sampled_from(nasty) | st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20)
