"""The forms that a new application can have, each made of layers of files below ``templates/``.

A line ``# [TRAIT ...]`` in a template begins a part for applications with one of these traits only, ``# [/]`` ends it.
Traits are the form, ``worker``, and ``project`` for existing code. ``app-name``, ``app_package`` and others
(:func:`cli.app.new.placeholders`) are placeholders, in names of files too.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

TEMPLATES = Path(__file__).parent / "templates"
#: Form -> its folders; a later one replaces files of an earlier one.
FORMS = {
    "django": ("common", "python", "served", "pages", "tasks", "django"),
    "flask": ("common", "python", "served", "pages", "flask"),
    "celery": ("python", "tasks", "common", "celery"),
    "image": ("common", "image"),
}
#: The trait of an existing Django project, and its folders.
PROJECT = "project"
PROJECT_LAYERS = ("common", "python", "served", "project")
#: The list of a form's Python packages, if it is built here, and the same with versions and hashes.
WANTED, LOCK = "requirements.in", "requirements.txt"

_MARK = re.compile(r"\s*# \[(/|[a-z ]+)\]\s*")
_PACKAGE = re.compile(r"^([\w.-]+)(?:\[[^]]*\])?==", re.MULTILINE)


def texts(form: str, values: Mapping[str, str]) -> dict[str, str]:
    """Return the files of a new application: path in the room -> text.

    Args:
        form: one of :data:`FORMS`.
        values: placeholder -> its value.
    """
    traits = {form, "worker"} if "tasks" in FORMS[form] else {form}
    return _read(FORMS[form], traits, values)


def project_texts(values: Mapping[str, str], *, worker: bool) -> dict[str, str]:
    """Return the files that are added to an existing Django project, with the packages of a new one.

    Args:
        values: placeholder -> its value.
        worker: whether it has Celery tasks.
    """
    traits = {"django", PROJECT, *(["worker"] if worker else [])}
    packages = {name: text for name, text in texts("django", values).items() if name in {WANTED, LOCK}}
    return packages | _read(PROJECT_LAYERS, traits, values)


def _read(layers: Collection[str], traits: Collection[str], values: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for folder in (TEMPLATES / layer for layer in layers):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix != ".pyc":
                text = path.read_text(encoding="utf-8")
                found[_fill(path.relative_to(folder).as_posix(), values)] = _fill(part(text, traits), values)
    return found


def part(text: str, traits: Collection[str]) -> str:
    """Return the lines of a template for an application with these traits."""
    kept: list[str] = []
    wanted = [True]
    for line in text.splitlines(keepends=True):
        mark = _MARK.fullmatch(line)
        if mark is None:
            kept += [line] if wanted[-1] else []
        elif mark[1] == "/":
            wanted.pop()
        else:
            wanted.append(wanted[-1] and not set(traits).isdisjoint(mark[1].split()))
    return "".join(kept).rstrip("\n") + "\n"


def packages(form: str) -> set[str]:
    """Return the names of a form's Python packages, in the form of module names."""
    lock = TEMPLATES / form / LOCK
    names = _PACKAGE.findall(lock.read_text(encoding="utf-8")) if lock.is_file() else []
    return {re.sub(r"[-.]", "_", name).lower() for name in names}


def _fill(text: str, values: Mapping[str, str]) -> str:
    for placeholder, value in values.items():
        text = text.replace(placeholder, value)
    return text
