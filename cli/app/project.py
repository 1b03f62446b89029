"""An existing Django project: its names, and its files for a room."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cli.app import forms
from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

#: Files that are not copied: the repository, generated files, a laptop's database, secrets.
LEFT_OUT = (
    *(".git", ".venv", "venv", "node_modules", "__pycache__", "*.pyc", ".*_cache"),
    *("*.sqlite3", ".env", ".env.*"),
)
#: A project's list of packages: its lines go into :data:`forms.WANTED`, which must be locked.
PACKAGES = "requirements.txt"
#: Files with a project's settings of ruff, and the content of the first one for a project without any.
STYLES = ("ruff.toml", ".ruff.toml", "pyproject.toml")
STYLE = """\
# The project keeps its own style: of the house's rules, only those about errors hold here.
lint.select = ["E9", "F"]
lint.ignore = ["F403", "F405"] # settings that take others in
format.exclude = ["**"]
"""

_SETTINGS = re.compile(r"""["']DJANGO_SETTINGS_MODULE["']\s*,\s*["'](\w+)\.([\w.]+)["']""")
#: The admin's place in urls.py. With ``i18n_patterns`` its address begins with a language.
_ADMIN = re.compile(r"""^\s*path\(\s*["'](?!/)([A-Za-z0-9_/-]*)["']\s*,\s*admin\.site\.urls\b""", re.MULTILINE)
_LANGUAGES = "i18n_patterns"
#: This setting redirects the visitors of a laptop, who use HTTP.
_TO_HTTPS = b"SECURE_SSL_REDIRECT"
_PACKAGE = re.compile(r"^([A-Za-z0-9][\w.-]*)", re.MULTILINE)


@dataclass(frozen=True)
class Project:
    """A project's folder.

    Args:
        folder: the folder with ``manage.py``.
        package: the Python package with its settings.
        settings: the module with the settings, relative to the package.
        worker: whether it has a Celery application.
        smoke: pages that certainly answer, in the form of ``http.smoke``; empty if none is known.
    """

    folder: Path
    package: str
    settings: str
    worker: bool
    smoke: str = ""

    def texts(self, texts: dict[str, str]) -> dict[str, str]:
        """Return the files that the stack adds to the project's own: path in the room -> text.

        Args:
            texts: the files of the form.

        Raises:
            StackError: the project has such a file already.
        """
        texts = dict(texts)
        if not any((self.folder / name).exists() for name in STYLES):
            texts[STYLES[0]] = STYLE
        own = self.folder / PACKAGES
        if own.is_file():
            wanted = with_packages(_text(own), texts[forms.WANTED])
            texts[forms.WANTED] = wanted
            del texts[forms.LOCK]
        taken = sorted(name for name in texts if (self.folder / name).exists())
        if taken:
            raise StackError(
                f"{self.folder} has files with the names of files that would be added: {', '.join(taken)}",
                "rename them there, or make the room by hand: docs/how-to/applications.md",
            )
        return texts

    def copy(self, room: Path) -> None:
        """Copy the project's files into a room, except :data:`LEFT_OUT` and its list of packages.

        Args:
            room: an empty folder.
        """
        ignored = shutil.ignore_patterns(*LEFT_OUT)

        def ignore(folder: str, names: list[str]) -> Collection[str]:
            lists = {PACKAGES} if folder == str(self.folder) else set()
            return {*ignored(folder, names), *lists}

        shutil.copytree(self.folder, room, symlinks=True, ignore=ignore, dirs_exist_ok=True)


def read(folder: Path, root: Path) -> Project:
    """Return the project in a folder.

    Args:
        folder: the folder with ``manage.py``.
        root: the checkout.

    Raises:
        StackError: there is none, it has no ``wsgi.py``, or the checkout is inside it.
    """
    manage = folder / "manage.py"
    found = _SETTINGS.search(_text(manage)) if manage.is_file() else None
    if not found:
        raise StackError(
            f"{folder} is not a Django project: it has no manage.py that names its settings",
            "give the folder that `django-admin startproject` has made",
        )
    if folder.resolve() in (root.resolve(), *root.resolve().parents):
        raise StackError(f"{root} is inside {folder}, and would be copied into itself", "move one of them")
    package, settings = found[1], found[2]
    if not (folder / package / "wsgi.py").is_file():
        raise StackError(
            f"{folder}/{package}/wsgi.py is missing, and gunicorn runs it", "`django-admin startproject` makes one"
        )
    return Project(folder, package, settings, (folder / package / "celery.py").is_file(), smoke(folder / package))


def smoke(package: Path) -> str:
    """Return the admin's login page in the form of ``http.smoke``; an empty string if the admin is not found.

    The start page is unsuitable: a new project has one with ``DEBUG`` only, others redirect visitors to a login.

    Args:
        package: the folder of the Python package with the settings and ``urls.py``.
    """
    urls = package / "urls.py"
    text = _text(urls) if urls.is_file() else ""
    elsewhere = _LANGUAGES in text or any(_TO_HTTPS in path.read_bytes() for path in package.rglob("*.py"))
    admin = None if elsewhere else _ADMIN.search(text)
    return f"/{admin[1]}login/: {{contains: csrfmiddlewaretoken}}" if admin else ""


def with_packages(own: str, wanted: str) -> str:
    """Return a project's list of packages, followed by those that its containers need in addition.

    Args:
        own: the project's list, whose versions take precedence.
        wanted: the list of a new project.
    """
    have = {_normal(name) for name in _PACKAGE.findall(own)}
    return "\n".join([own.rstrip("\n"), "# For its containers.", *_missing(wanted.splitlines(), have), ""])


def _missing(lines: Iterable[str], have: Collection[str]) -> Iterator[str]:
    for line in lines:
        found = _PACKAGE.match(line)
        if found and _normal(found[1]) not in {*have, "celery"}:  # a project without Celery does not need it
            yield line


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise StackError(f"{path} is not encoded in UTF-8", "save it as UTF-8") from None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
