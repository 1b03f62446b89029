"""The application factory: makes a Flask application from a configuration and an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from api import crud, docs, index, tasks
from api.config import Settings, load_settings
from api.datasets.lane import init_lane
from api.datasets.views import routes as datasets
from api.db import init_database, serving_engine
from api.errors import register_error_handlers
from api.health import dependency_checks, init_health
from api.keys.commands import keys
from api.limits import Counter, init_limits, redis_storage
from api.reports.views import routes as reports
from api.reports_page.views import blueprint as reports_page
from api.requests import register_request_hooks
from api.routes.operation import MAX_BODY
from api.tasks.shared import Results
from api.upkeep import upkeep

if TYPE_CHECKING:
    from sqlalchemy import Engine

#: The domains' routes, in the order of the OpenAPI document.
ROUTES = (index.routes, tasks.routes, datasets, reports, *crud.TABLES)


def create_app(settings: Settings | None = None, engine: Engine | None = None) -> Flask:
    """Return the API.

    Args:
        settings: the settings; read from the environment by default.
        engine: the database; made from the settings by default.
    """
    settings = settings or load_settings()
    app = Flask("api", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    # Only Nginx reaches the API, and replaces these headers: the visitor's address and scheme.
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign] # as Flask documents it
    app.url_map.strict_slashes = False  # a redirect would cost a round trip, and would not be JSON
    register_request_hooks(app)
    register_error_handlers(app)
    init_database(app, engine or serving_engine(settings.database.postgres, connections=settings.threads))
    init_lane(app, settings.threads)
    init_health(app, dependency_checks(settings))
    tasks.init_tasks(app, Results(settings.results), dramatiq=settings.dramatiq)
    init_limits(app, Counter(redis_storage(settings.cache), settings.rate_limit, settings.address_rate_limit))
    app.register_blueprint(docs.blueprint, url_prefix="/api")
    app.register_blueprint(reports_page, url_prefix="/api")
    for routes in ROUTES:
        routes.register(app)
    app.cli.add_command(keys)
    app.cli.add_command(upkeep)
    return app
