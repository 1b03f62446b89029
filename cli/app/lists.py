"""The lists of applications, ``compose.yaml`` and ``compose.override.yaml``: adds or removes single lines."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

#: The lists. A room has a file of the same name for each list that contains it.
LISTS = ("compose.yaml", "compose.override.yaml")

#: A line of a list: its indentation, the path, and the end of the line.
_LINE = re.compile(
    r"""^(?P<indent>[ ]*-[ ]+)["']?(?:\./)?(?P<path>[\w./-]*compose[\w.-]*\.yaml)["']?"""
    r"[^\S\r\n]*(?:#[^\r\n]*)?(?P<end>\r?\n|\Z)",
    re.MULTILINE,
)


def with_line(text: str, entry: str) -> str:
    """Return the text of a list with a line for ``entry`` after its last one.

    Raises:
        ValueError: it has no line that names a Compose file.
    """
    lines = list(_LINE.finditer(text))
    if not lines:
        raise ValueError("no line of it names a Compose file")
    last = lines[-1]
    end = last["end"] or ("\r\n" if "\r\n" in text else "\n")
    added = f"{last['indent']}{entry}"
    # A file without a newline at its end stays like that.
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
    """Return the lists that change when a room is added, with their new texts.

    Args:
        root: the checkout.
        name: the room's name.
        files: the files in the room.

    Raises:
        StackError: a list has an unknown form.
    """
    changed = {}
    for path in (root / each for each in LISTS if each in files and (root / each).is_file()):
        entry = f"services/{name}/{path.name}"
        try:
            changed[path] = with_line(read(path), entry)
        except ValueError as error:
            raise StackError(
                f"{path.name} has an unknown form: {error}",
                "write each file on a line of its own below `path:`, or make the room by hand",
            ) from None
    return changed


def removed(root: Path, name: str) -> dict[Path, str]:
    """Return the lists that change when a room is removed, with their new texts."""
    texts = {path: read(path) for path in (root / each for each in LISTS) if path.is_file()}
    new = {path: without_line(text, f"services/{name}/{path.name}") for path, text in texts.items()}
    return {path: text for path, text in new.items() if text != texts[path]}


def write(texts: Mapping[Path, str]) -> None:
    """Write all lists, or none of them.

    Raises:
        StackError: one cannot be written.
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
            raise StackError(
                f"{error.filename} cannot be written: {error.strerror}", "correct that, and repeat"
            ) from None
        raise


def read(path: Path) -> str:
    """Return a file's text with its line endings unchanged."""
    return path.read_bytes().decode("utf-8")


def _write(path: Path, text: str) -> None:
    path.write_bytes(text.encode("utf-8"))
