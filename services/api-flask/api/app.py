"""The application factory: configuration and engine come in, a Flask application comes out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask

from api import index, tasks
from api.config import Settings, load_settings
from api.db import init_database, serving_engine
from api.errors import register_error_handlers
from api.health import dependency_checks, init_health
from api.requests import register_request_hooks

if TYPE_CHECKING:
    from sqlalchemy import Engine

#: Bytes that a request body may have.
MAX_BODY = 16 * 1024


def create_app(settings: Settings | None = None, engine: Engine | None = None) -> Flask:
    """Return the API.

    Args:
        settings: read from the environment unless given.
        engine: the database, made from the settings unless given.
    """
    settings = settings or load_settings()
    app = Flask("api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    app.url_map.strict_slashes = False  # a redirect would cost a round trip, and be no JSON
    register_request_hooks(app)
    register_error_handlers(app)
    init_database(app, engine or serving_engine(settings.database.postgres, connections=settings.threads))
    init_health(app, dependency_checks(settings))
    app.register_blueprint(index.blueprint, url_prefix="/api")
    app.register_blueprint(tasks.blueprint, url_prefix="/api/v1/tasks")
    return app
