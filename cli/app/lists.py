"""The lists of applications, ``compose.yaml`` and ``compose.override.yaml``: a line more or less, all else as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

#: The lists. A room has a file of the same name for each that it is in.
LISTS = ("compose.yaml", "compose.override.yaml")

#: A line of a list: what comes before the path, the path, and what ends the line.
_LINE = re.compile(
    r"""^(?P<indent>[ ]*-[ ]+)["']?(?:\./)?(?P<path>[\w./-]*compose[\w.-]*\.yaml)["']?"""
    r"[^\S\r\n]*(?:#[^\r\n]*)?(?P<end>\r?\n|\Z)",
    re.MULTILINE,
)


def with_line(text: str, entry: str) -> str:
    """Return the text of a list with a line for ``entry`` behind its last one.

    Raises:
        ValueError: it has no such line.
    """
    lines = list(_LINE.finditer(text))
    if not lines:
        raise ValueError("no line of it names a Compose file")
    last = lines[-1]
    end = last["end"] or ("\r\n" if "\r\n" in text else "\n")
    added = f"{last['indent']}{entry}"
    # A file whose last line has no end goes on having none.
    return text[: last.end()] + (f"{added}{end}" if last["end"] else f"{end}{added}") + text[last.end() :]


def without_line(text: str, entry: str) -> str:
    """Return the text of a list without the line for ``entry``."""
    for line in _LINE.finditer(text):
        if line["path"] == entry:
            before = text[: line.start()]
            before = before if line["end"] else re.sub(r"\r?\n\Z", "", before)
            return before + text[line.end() :]
    return text


def added(root: Path, name: str, files: Collection[str]) -> dict[Path, str]:
    """Return the lists that change when a room comes, with their new texts.

    Args:
        root: the checkout.
        name: the room's.
        files: what is in the room.

    Raises:
        StackError: a list has a form that is not understood.
    """
    changed = {}
    for path in (root / each for each in LISTS if each in files and (root / each).is_file()):
        entry = f"services/{name}/{path.name}"
        try:
            changed[path] = with_line(read(path), entry)
        except ValueError as error:
            raise StackError(
                f"{path.name} is no list that can be added to: {error}",
                "write each file on a line of its own below `path:`, or make the room by hand",
            ) from None
    return changed


def removed(root: Path, name: str) -> dict[Path, str]:
    """Return the lists that change when a room goes, with their new texts."""
    texts = {path: read(path) for path in (root / each for each in LISTS) if path.is_file()}
    new = {path: without_line(text, f"services/{name}/{path.name}") for path, text in texts.items()}
    return {path: text for path, text in new.items() if text != texts[path]}


def write(texts: Mapping[Path, str]) -> None:
    """Write lists; if one of them cannot be written, all are as before.

    Raises:
        StackError: one cannot.
    """
    before = {path: read(path) for path in texts}
    try:
        for path, text in texts.items():
            _write(path, text)
    except BaseException as error:
        for path, text in before.items():
            if read(path) != text:
                _write(path, text)
        if isinstance(error, OSError):
            raise StackError(f"{error.filename} cannot be written: {error.strerror}", "mend that, then again") from None
        raise


def read(path: Path) -> str:
    """Return a file's text with the ends of its lines as they are."""
    return path.read_bytes().decode("utf-8")


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))
