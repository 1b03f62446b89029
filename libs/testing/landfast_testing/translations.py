"""Tests of translations, for every Django project: each English message has a Russian translation."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING, ClassVar

import polib  # type: ignore[import-untyped] # it has no types of its own
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pytest

CATALOGUE = Path("locale/ru/LC_MESSAGES/django.po")
HOW = "run makemessages -l ru --no-obsolete --no-wrap --add-location file in the app's folder, translate, compile"

type Message = tuple[str | None, str, str]


def messages(entries: Iterable[polib.POEntry]) -> set[Message]:
    """Return the key of a message."""
    return {(entry.msgctxt, entry.msgid, entry.msgid_plural) for entry in entries if not entry.obsolete}


def texts(entry: polib.POEntry) -> list[str]:
    """Return a message's translations, one for each plural form."""
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def placeholders(text: str) -> list[str]:
    """Return the placeholders in a text."""
    percent = [part.split(")")[0] for part in text.split("%(")[1:]]
    return sorted(percent + ["%" + kind for kind in "sd" for _ in range(text.count("%" + kind))] + braces(text))


def braces(text: str) -> list[str]:
    """Return the names between braces."""
    return [name for _, name, _, _ in Formatter().parse(text) if name is not None]


class Translations:
    """The tests; a project's class of them names its apps.

    Attributes:
        apps: the name of each app that has a catalogue -> its folder.
    """

    apps: ClassVar[Mapping[str, Path]]

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        """Run each test once for each app."""
        if "app" in metafunc.fixturenames:
            metafunc.parametrize("app", list(self.apps))

    def catalogue(self, app: str) -> polib.POFile:
        """Return an app's Russian catalogue."""
        return polib.pofile(str(self.apps[app] / CATALOGUE), check_for_duplicates=True)

    def extracted(self, app: str, directory: Path) -> set[Message]:
        """Return the messages of an app's code and templates; ``directory`` is for a copy of them."""
        copy = directory / app
        shutil.copytree(self.apps[app], copy, ignore=shutil.ignore_patterns("__pycache__", "locale"))
        (copy / "locale").mkdir()
        command = [sys.executable, "-m", "django", "makemessages", "--locale", "ru", "--verbosity", "0"]
        # It needs no settings, and with ours, modules in this folder would shadow libraries of the same names.
        environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return messages(polib.pofile(str(copy / CATALOGUE)))

    def test_no_message_is_missing_from_the_catalogue_and_none_is_stale(self, app: str, tmp_path: Path) -> None:
        """Compare the catalogue with the code."""
        found, known = self.extracted(app, tmp_path), messages(self.catalogue(app))
        assert found, "an app without messages was not read"
        assert not found - known, f"not in {app}/{CATALOGUE}: {HOW}"
        assert not known - found, f"nobody says this any more, {app}/{CATALOGUE}: {HOW}"

    def test_every_message_is_translated(self, app: str) -> None:
        """Look for gaps."""
        entries = [entry for entry in self.catalogue(app) if not entry.obsolete]
        assert not [entry.msgid for entry in entries if not entry.translated()]
        assert not [entry.msgid for entry in entries if entry.fuzzy]
        assert not [entry.msgid for entry in entries if entry.msgid_plural and len(texts(entry)) != 4]
        assert not self.catalogue(app).obsolete_entries()

    def test_translations_fill_in_what_the_originals_do(self, app: str) -> None:
        """Compare the placeholders."""
        for entry in self.catalogue(app):
            expected = placeholders(entry.msgid_plural or entry.msgid)
            assert {tuple(placeholders(text)) for text in texts(entry)} == {tuple(expected)}, entry.msgid

    def test_what_was_compiled_is_what_was_translated(self, app: str) -> None:
        """Compare the two files."""
        compiled = polib.mofile(str((self.apps[app] / CATALOGUE).with_suffix(".mo")))

        def content(entries: Iterable[polib.POEntry]) -> dict[Message, list[str]]:
            return {(entry.msgctxt, entry.msgid, entry.msgid_plural): texts(entry) for entry in entries}

        assert content(compiled) == content(self.catalogue(app))

    def test_django_finds_the_catalogue(self, app: str) -> None:
        """Translate a message."""
        entry = next(entry for entry in self.catalogue(app) if entry.msgctxt is None and not entry.msgid_plural)
        with translation.override("ru"):
            assert gettext(entry.msgid) != entry.msgid

    def test_every_language_that_can_be_chosen_has_a_catalogue(self, app: str) -> None:
        """Compare the settings with the folders."""
        languages = {code for code, _ in settings.LANGUAGES}
        assert languages == {"en", "ru"}
        assert {path.name for path in (self.apps[app] / "locale").iterdir()} == languages - {"en"}
