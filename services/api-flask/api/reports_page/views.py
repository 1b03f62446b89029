"""``/api/reports``: the page and its files, all from this service."""

from __future__ import annotations

import gettext
from pathlib import Path

from flask import Blueprint, Response, request, send_from_directory
from jinja2 import Environment, FileSystemLoader

blueprint = Blueprint("reports_page", __name__)

_HERE = Path(__file__).parent
_FILES = _HERE / "static"
TEXTS = _HERE / "locale"

#: The site's languages by their codes, the default first, and the cookie with a reader's choice.
LANGUAGES = {"en": "English", "ru": "Русский"}
LANGUAGE_COOKIE = "django_language"

#: The chart needs the caller's key, so the page fetches it and shows it as a blob. The only submitted form chooses the
#: language.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)


def template_environment(language: str) -> Environment:
    """Return the template environment of a language, with its translations."""
    loader = FileSystemLoader(_HERE / "templates")
    environment = Environment(loader=loader, autoescape=True, extensions=["jinja2.ext.i18n"])
    texts = gettext.translation("reports", TEXTS, [language], fallback=True)
    environment.install_gettext_translations(texts)  # type: ignore[attr-defined]  # the extension's
    return environment


@blueprint.get("/reports")
def page() -> Response:
    """Return the page in the reader's language; it contains no data, so it needs no key."""
    language = _language()
    template = template_environment(language).get_template("reports.html")
    text = template.render(language=language, languages=LANGUAGES)
    response = Response(text, content_type="text/html; charset=utf-8")
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Content-Language"] = language
    response.headers["Cache-Control"] = "no-cache"
    response.vary.update(("Cookie", "Accept-Language"))
    return response


@blueprint.get("/reports/<name>")
def file(name: str) -> Response:
    """Return one of the page's files."""
    return send_from_directory(_FILES, name)


def _language() -> str:
    """Return the code of the language that the reader chose on the site, or else of the browser's preference."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES, default="en")
