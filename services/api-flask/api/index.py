"""The API's index, and a cheap liveness route."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from flask import url_for
from pydantic import BaseModel

from api.routes import Answer, Routes, respond

if TYPE_CHECKING:
    from flask import Response

routes = Routes("index", __name__, prefix="/api", tag="Index", about="What there is.")


class Index(BaseModel):
    """What the API offers."""

    name: str = "Landfast API"
    version: str = "v1"
    links: dict[str, str]


class Pong(BaseModel):
    """A sign of life."""

    pong: Literal[True] = True


_OFFER = Answer(200, "What there is, by name.", Index)


@routes.get("/v1/", _OFFER, needs_services=False)
def version_1() -> Response:
    """List what version 1 of the API offers."""
    return front_door()


@routes.get("/", _OFFER, needs_services=False)
def front_door() -> Response:
    """List what the API offers."""
    links = {
        "add": url_for("tasks.add_numbers"),
        "datasets": url_for("datasets.index"),
        "docs": url_for("docs.page"),
        "labels": url_for("labels.page"),
        "openapi": url_for("docs.openapi"),
        "ping": url_for("index.ping"),
        "reports": url_for("reports.index"),
        "units": url_for("units.page"),
    }
    return respond(Index(links=links))


@routes.get("/v1/ping", Answer(200, "This process serves.", Pong), needs_services=False)
def ping() -> Response:
    """Answer at once, from this process alone."""
    return respond(Pong())
