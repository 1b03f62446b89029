"""Liveness and readiness, for the health check, the console's report, and clients of the API alone."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Blueprint, Flask, Response, current_app, jsonify
from landfast_runtime import health

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.config import Settings

blueprint = Blueprint("health", __name__)

_EXTENSION = "landfast.checks"


def dependency_checks(settings: Settings) -> dict[str, health.Check]:
    """Return a check for each service that the API needs."""
    return {
        "postgres": health.postgres(settings.database.postgres),
        "redis": health.redis(settings.results),
    }


def init_health(app: Flask, checks: Mapping[str, health.Check]) -> None:
    """Set the checks of ``/readyz`` for ``app``."""
    app.extensions[_EXTENSION] = checks
    app.register_blueprint(blueprint)


@blueprint.get("/healthz")
def alive() -> Response:
    """Answer that this process serves, without any dependency."""
    return jsonify(status="ok")


@blueprint.get("/readyz")
def ready() -> tuple[Response, HTTPStatus]:
    """Answer whether each dependency of the API serves, by name."""
    report = health.run(current_app.extensions[_EXTENSION])
    return jsonify(report.as_dict()), HTTPStatus.OK if report.ready else HTTPStatus.SERVICE_UNAVAILABLE
