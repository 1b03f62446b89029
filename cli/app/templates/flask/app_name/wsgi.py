"""The application that gunicorn runs."""

from __future__ import annotations

from . import create_app

application = create_app()
