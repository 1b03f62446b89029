"""``/api/reports``: the page and its files, all of them this service's own."""

from __future__ import annotations

from pathlib import Path

from flask import Blueprint, Response, send_from_directory

blueprint = Blueprint("desk", __name__)

_FILES = Path(__file__).parent / "static"

#: The chart comes with the caller's key, so the page fetches it and shows it as a blob.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@blueprint.get("/reports")
def page() -> Response:
    """Return the page; it holds no data, so it needs no key."""
    response = send_from_directory(_FILES, "desk.html")
    response.headers["Content-Security-Policy"] = _POLICY
    return response


@blueprint.get("/reports/<name>")
def file(name: str) -> Response:
    """Return one of the page's files."""
    return send_from_directory(_FILES, name)
