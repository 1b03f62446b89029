"""The WSGI application that gunicorn serves."""

import os

import django
from django.core.handlers.wsgi import WSGIHandler, WSGIRequest


class Request(WSGIRequest):
    """A request that is read as UTF-8, whatever it declares; :mod:`mysite.wellformed` refuses any other declaration.

    Django would read the query in the body's charset before any middleware, and Python's ``base64`` crashed it there.
    """

    @property
    def encoding(self) -> None:
        """Return Django's sign for the usual encoding."""

    @encoding.setter
    def encoding(self, _name: str) -> None:
        """Keep the usual one."""


class Handler(WSGIHandler):
    """Django's own, with requests of ours."""

    request_class = Request


os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")

django.setup(set_prefix=False)
application = Handler()

import mysite.urls  # noqa: E402, F401 - needs the applications to be loaded
