"""``/api/openapi.json``, and Swagger UI at ``/api/docs``, only from files of this service."""

from __future__ import annotations

import importlib.metadata
import importlib.resources
import json
from pathlib import Path

from flask import Blueprint, Response, current_app, send_from_directory, url_for

from api.openapi import document
from api.routes import registered_routes

blueprint = Blueprint("docs", __name__)

#: The package has Swagger UI's own files; its version is in their address, so that they can be cached for ever.
_PACKAGE = "flask-swagger-ui"
_VERSION = importlib.metadata.version(_PACKAGE)
_SWAGGER = Path(str(importlib.resources.files("flask_swagger_ui"))) / "dist"
_OWN = Path(__file__).parent / "static"

_FILES = {
    "swagger-ui.css": _SWAGGER,
    "swagger-ui-bundle.js": _SWAGGER,
    "favicon-32x32.png": _SWAGGER,
    "start.js": _OWN,
}

#: Swagger UI uses data: images; no script or style is inline or from another site.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Landfast API</title>
<link rel="icon" href="{favicon}">
<link rel="stylesheet" href="{style}">
</head>
<body>
<main id="swagger-ui" data-document="{document}"></main>
<noscript>This page needs JavaScript; <a href="{document}">the OpenAPI document</a> does not.</noscript>
<script src="{bundle}"></script>
<script src="{start}"></script>
</body>
</html>
"""


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Return the document; it only changes with the code, so it is made once."""
    text = current_app.extensions.get("landfast.openapi")
    if text is None:
        text = current_app.extensions["landfast.openapi"] = json.dumps(document(registered_routes()))
    return Response(text, content_type="application/json")


@blueprint.get("/docs")
def page() -> Response:
    """Return the interactive page."""

    def address(name: str) -> str:
        return url_for("docs.file", version=_VERSION, name=name)

    text = _PAGE.format(
        favicon=address("favicon-32x32.png"),
        style=address("swagger-ui.css"),
        bundle=address("swagger-ui-bundle.js"),
        start=address("start.js"),
        document=url_for("docs.openapi"),
    )
    return Response(text, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": _POLICY})


@blueprint.get("/docs/<version>/<name>")
def file(version: str, name: str) -> Response:  # noqa: ARG001 - the version is only part of the address
    """Return one of the page's files."""
    response = send_from_directory(_FILES.get(name, _OWN), name)
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
