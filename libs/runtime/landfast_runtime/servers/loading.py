"""Find a WSGI application by its dotted path."""

from __future__ import annotations

from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication


def load(path: str) -> WSGIApplication:
    """Return the application at ``path``: a module, a colon and a name, which is ``application`` if there is none."""
    module, _, name = path.partition(":")
    found: WSGIApplication = attrgetter(name or "application")(import_module(module))
    return found
