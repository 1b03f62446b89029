"""The forms that a new application can have, each made of layers of files below ``templates/``.

A line ``# [FORM ...]`` in a template begins what only these forms get, ``# [/]`` ends it. ``app-name``, ``app_name``,
``app-port`` and ``app-image`` are placeholders, in names of files too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TEMPLATES = Path(__file__).parent / "templates"
#: Each form's folders, from the common to the special.
FORMS = {
    "django": ("common", "python", "pages", "tasks", "django"),
    "flask": ("common", "python", "pages", "flask"),
    "celery": ("python", "tasks", "common", "celery"),
    "image": ("common", "image"),
}
#: What lists the Python packages of a form that is built here.
LOCK = "requirements.txt"

_MARK = re.compile(r"\s*# \[(/|[a-z ]+)\]\s*")
_PACKAGE = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?==", re.MULTILINE)


def texts(form: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return the files of a form: path in the room -> text.

    Args:
        form: one of :data:`FORMS`.
        values: placeholder -> what stands in its place.
    """
    found: dict[str, str] = {}
    for folder in (TEMPLATES / layer for layer in FORMS[form]):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                text = path.read_text(encoding="utf-8")
                found[_fill(path.relative_to(folder).as_posix(), values)] = _fill(part(text, form), values)
    return found


def part(text: str, form: str) -> str:
    """Return the lines of a template that a form gets."""
    kept: list[str] = []
    wanted = [True]
    for line in text.splitlines(keepends=True):
        mark = _MARK.fullmatch(line)
        if mark is None:
            kept += [line] if wanted[-1] else []
        elif mark[1] == "/":
            wanted.pop()
        else:
            wanted.append(wanted[-1] and form in mark[1].split())
    return "".join(kept).rstrip("\n") + "\n"


def packages(form: str) -> set[str]:
    """Return the names of the Python packages that a form brings, as modules are written."""
    lock = TEMPLATES / form / LOCK
    names = _PACKAGE.findall(lock.read_text(encoding="utf-8")) if lock.is_file() else []
    return {re.sub(r"[-.]", "_", name).lower() for name in names}


def _fill(text: str, values: Mapping[str, str]) -> str:
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text
