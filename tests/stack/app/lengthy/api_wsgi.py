"""The API with a page that leaks: ``uwsgi --module lengthy.api_wsgi:application``."""

from __future__ import annotations

from api.wsgi import application as api

from lengthy.leaking import Leaking

api.wsgi_app = Leaking(api.wsgi_app, "/api/lengthy/leak")  # type: ignore[method-assign] # as Flask's documentation has it

from api.renewed_wsgi import application  # noqa: E402, F401 - what uWSGI serves
