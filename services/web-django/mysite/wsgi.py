"""The WSGI application for gunicorn."""

import os

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest


class Request(WSGIRequest):
    """A request that is always read as UTF-8; :mod:`mysite.wellformed` refuses any other charset.

    Django would read the query in the body's charset before any middleware, and crash with Python's ``base64``.
    """

    @property
    def encoding(self) -> None:
        """Return Django's value for the default encoding."""

    @encoding.setter
    def encoding(self, _name: str) -> None:
        """Keep the default encoding."""


class Handler(WSGIHandler):
    """Django's own handler, with our requests."""

    request_class = Request


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")

django.setup(set_prefix=False)
application = Handler()

import mysite.urls  # noqa: E402, F401 - needs the loaded apps
