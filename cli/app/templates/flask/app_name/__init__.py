"""The application, made by :func:`create_app`."""

from __future__ import annotations

import os

from flask import Flask, render_template
from werkzeug.middleware.proxy_fix import ProxyFix


def create_app() -> Flask:
    """Return the application; its variables come from ``x-environment`` in compose.yaml."""
    app = Flask(__name__)
    app.config["SECRET_KEY"] = os.environ.get("SECRET_KEY")  # without one, Flask has no sessions
    app.wsgi_app = ProxyFix(app.wsgi_app, x_for=1, x_proto=1)  # type: ignore[method-assign] # as Flask's pages have it

    @app.get("/")
    def index() -> str:
        return render_template("index.html")

    @app.get("/healthz")
    def healthz() -> tuple[str, dict[str, str]]:
        return "ok\n", {"Content-Type": "text/plain"}

    return app
