"""The API's front door: what there is, and a sign of life that costs nothing."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, url_for

blueprint = Blueprint("index", __name__)


@blueprint.get("/")
@blueprint.get("/v1/")
def index() -> Response:
    """List what the API offers."""
    return jsonify(
        name="Landfast API",
        version="v1",
        links={"ping": url_for("index.ping"), "add": url_for("tasks.add_numbers")},
    )


@blueprint.get("/v1/ping")
def ping() -> Response:
    """Answer at once, from this process alone."""
    return jsonify(pong=True)
