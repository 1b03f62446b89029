"""Whatever the site says, it says in Russian, too; and what was compiled is what was translated."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from string import Formatter
from typing import TYPE_CHECKING

import landfast_outbox.django
import polib
import pytest
from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext

if TYPE_CHECKING:
    from collections.abc import Iterable

SERVICE = Path(__file__).resolve().parent.parent
APPS = {
    **{name: SERVICE / name for name in ("accounts", "mysite", "news")},
    "outbox": Path(landfast_outbox.django.__path__[0]),
}
CATALOGUE = Path("locale/ru/LC_MESSAGES/django.po")
HOW = "run makemessages -l ru --no-obsolete --no-wrap --add-location file in the app's folder, translate, compile"

type Message = tuple[str | None, str, str]


def catalogue(app: str) -> polib.POFile:
    """Return an app's Russian catalogue."""
    return polib.pofile(str(APPS[app] / CATALOGUE), check_for_duplicates=True)


def messages(entries: Iterable[polib.POEntry]) -> set[Message]:
    """Return what tells messages apart."""
    return {(entry.msgctxt, entry.msgid, entry.msgid_plural) for entry in entries if not entry.obsolete}


def texts(entry: polib.POEntry) -> list[str]:
    """Return a message's translations, one for each plural form."""
    return list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]


def placeholders(text: str) -> list[str]:
    """Return the places in a text that are filled in."""
    percent = [part.split(")")[0] for part in text.split("%(")[1:]]
    return sorted(percent + ["%" + kind for kind in "sd" for _ in range(text.count("%" + kind))] + braces(text))


def braces(text: str) -> list[str]:
    """Return the names between braces."""
    return [name for _, name, _, _ in Formatter().parse(text) if name is not None]


@pytest.fixture(scope="module", params=APPS)
def extracted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, set[Message]]:
    """Return an app's name and the messages that its code and templates hold now."""
    copy = tmp_path_factory.mktemp("translations") / request.param
    shutil.copytree(APPS[request.param], copy, ignore=shutil.ignore_patterns("__pycache__", "locale"))
    (copy / "locale").mkdir()
    command = [sys.executable, "-m", "django", "makemessages", "--locale", "ru", "--verbosity", "0"]
    # It needs no settings, and in this folder ours would import its modules for libraries of the same names.
    environment = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return request.param, messages(polib.pofile(str(copy / CATALOGUE)))


def test_no_message_is_missing_from_the_catalogue_and_none_is_stale(extracted: tuple[str, set[Message]]) -> None:
    app, found = extracted
    known = messages(catalogue(app))
    assert found, "an app without messages was not read"
    assert not found - known, f"not in {app}/{CATALOGUE}: {HOW}"
    assert not known - found, f"nobody says this any more, {app}/{CATALOGUE}: {HOW}"


@pytest.mark.parametrize("app", APPS)
def test_every_message_is_translated(app: str) -> None:
    entries = [entry for entry in catalogue(app) if not entry.obsolete]
    assert not [entry.msgid for entry in entries if not entry.translated()]
    assert not [entry.msgid for entry in entries if entry.fuzzy]
    assert not [entry.msgid for entry in entries if entry.msgid_plural and len(texts(entry)) != 4]
    assert not catalogue(app).obsolete_entries()


@pytest.mark.parametrize("app", APPS)
def test_translations_fill_in_what_the_originals_do(app: str) -> None:
    for entry in catalogue(app):
        expected = placeholders(entry.msgid_plural or entry.msgid)
        assert {tuple(placeholders(text)) for text in texts(entry)} == {tuple(expected)}, entry.msgid


@pytest.mark.parametrize("app", APPS)
def test_what_was_compiled_is_what_was_translated(app: str) -> None:
    compiled = polib.mofile(str((APPS[app] / CATALOGUE).with_suffix(".mo")))

    def content(entries: Iterable[polib.POEntry]) -> dict[Message, list[str]]:
        return {(entry.msgctxt, entry.msgid, entry.msgid_plural): texts(entry) for entry in entries}

    assert content(compiled) == content(catalogue(app))


@pytest.mark.parametrize("app", APPS)
def test_django_finds_the_catalogue(app: str) -> None:
    entry = next(entry for entry in catalogue(app) if entry.msgctxt is None and not entry.msgid_plural)
    with translation.override("ru"):
        assert gettext(entry.msgid) != entry.msgid


def test_every_language_that_can_be_chosen_has_a_catalogue() -> None:
    languages = {code for code, _ in settings.LANGUAGES}
    assert languages == {"en", "ru"}
    for folder in APPS.values():
        assert {path.name for path in (folder / "locale").iterdir()} == languages - {"en"}
