"""A blueprint whose routes declare and enforce their requests and responses."""

from __future__ import annotations

from functools import wraps
from http import HTTPMethod
from typing import TYPE_CHECKING, Any, Unpack

from flask import Blueprint, Flask, current_app, request
from typing_extensions import TypedDict

from api.access import authorise
from api.idempotency import run_once
from api.limits import count
from api.routes.operation import Answer, Operation
from api.routes.reading import read_body, read_query, refuse_query

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Response

_EXTENSION = "landfast.routes"

type View = Callable[..., Response]


class Options(TypedDict, total=False):
    """A route's options beside its responses; :class:`api.routes.operation.Operation` explains each."""

    scope: str | None
    errors: Mapping[int, str]
    needs_services: bool
    idempotent: bool
    max_body: int
    body_type: str
    upload: Mapping[str, Mapping[str, Any]] | None
    counted: bool


class Routes:
    """Routes of one domain.

    Args:
        name: the blueprint's name, the first part of its endpoints.
        import_name: the module's ``__name__``.
        prefix: the prefix of every path.
        tag: the heading in the OpenAPI document.
        about: a sentence below the heading.
    """

    def __init__(self, name: str, import_name: str, *, prefix: str, tag: str, about: str = "") -> None:
        self.blueprint = Blueprint(name, import_name, url_prefix=prefix)
        self.prefix = prefix
        self.tag = tag
        self.about = about
        self.operations: list[Operation] = []

    def register(self, app: Flask) -> None:
        """Add the routes to ``app`` and to its OpenAPI document."""
        app.register_blueprint(self.blueprint)
        app.extensions.setdefault(_EXTENSION, []).append(self)

    def get(self, rule: str, *answers: Answer, **options: Unpack[Options]) -> Callable[[View], View]:
        """Return a decorator for a view of ``GET``."""
        return self._declare(HTTPMethod.GET, rule, answers, options)

    def post(self, rule: str, *answers: Answer, **options: Unpack[Options]) -> Callable[[View], View]:
        """Return a decorator for a view of ``POST``."""
        return self._declare(HTTPMethod.POST, rule, answers, options)

    def put(self, rule: str, *answers: Answer, **options: Unpack[Options]) -> Callable[[View], View]:
        """Return a decorator for a view of ``PUT``."""
        return self._declare(HTTPMethod.PUT, rule, answers, options)

    def patch(self, rule: str, *answers: Answer, **options: Unpack[Options]) -> Callable[[View], View]:
        """Return a decorator for a view of ``PATCH``."""
        return self._declare(HTTPMethod.PATCH, rule, answers, options)

    def delete(self, rule: str, *answers: Answer, **options: Unpack[Options]) -> Callable[[View], View]:
        """Return a decorator for a view of ``DELETE``."""
        return self._declare(HTTPMethod.DELETE, rule, answers, options)

    def _declare(
        self, method: HTTPMethod, rule: str, answers: tuple[Answer, ...], options: Options
    ) -> Callable[[View], View]:
        def declare(view: View) -> View:
            self.add(Operation(method=method.value, rule=rule, view=view, answers=answers, **options))
            return view

        return declare

    def add(self, operation: Operation) -> None:
        """Add an operation; its endpoint is named after its view."""
        self.operations.append(operation)
        view = _guarded(operation)
        self.blueprint.add_url_rule(operation.rule, operation.name, view, methods=[operation.method])


def registered_routes(app: Flask | None = None) -> list[Routes]:
    """Return the routes of ``app``, by default the current one."""
    routes: list[Routes] = (app or current_app).extensions.get(_EXTENSION, [])
    return routes


def _guarded(operation: Operation) -> View:
    """Return the function for Flask, which passes to the view only requests that the operation declares."""
    view: View = operation.view

    @wraps(view)
    def guarded(**path: Any) -> Response:  # noqa: ANN401 - values of the path's converters
        request.max_content_length = operation.max_body
        caller = authorise(operation.scope)
        if operation.is_limited:
            count(caller)
        arguments = dict(path)
        if operation.query is not None:
            arguments["query"] = read_query(request, operation.query)
        else:
            refuse_query(request)
        if operation.body is not None:
            arguments["body"] = read_body(request, operation.body, operation.body_type)
        if operation.idempotent:
            return run_once(caller, lambda: view(**arguments))
        return view(**arguments)

    return guarded
