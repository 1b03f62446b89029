"""The view of ``/graphql/``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cross_web import DjangoHTTPRequestAdapter, HTTPException
from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.utils.cache import add_never_cache_headers
from django.utils.csp import CSP
from django.utils.decorators import method_decorator
from django.views.decorators.csp import csp_override
from django.views.decorators.csrf import csrf_exempt, ensure_csrf_cookie
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from strawberry.django.views import GraphQLView

from mysite.errors import as_json
from mysite.rest.authentication import HashedTokenAuthentication
from mysite.rest.throttling import Anonymous, Users
from mysite.wellformed import decode

if TYPE_CHECKING:
    from django.http import HttpRequest, JsonResponse
    from django.http.response import HttpResponseBase

    from mysite.graphql.schema import Schema

#: The package with GraphiQL's static files; nothing else of it is used, and only laptops serve them.
GRAPHIQL = "graphene_django_graphiql_static"

#: GraphiQL creates a style element when it shows a hint, which has this hash. Its style sheet contains its fonts and
#: pictures.
GRAPHIQL_CSP = {
    **settings.SECURE_CSP,
    "style-src": [CSP.SELF, "'sha256-Y/huXlwoYkVyQlxwSVcCi1RCDGDCSVBzDt0hYP9qlTc='"],
    "font-src": [CSP.SELF, "data:"],
    "img-src": [CSP.SELF, "data:"],
}


class Bytes(DjangoHTTPRequestAdapter):
    """A request whose body is not decoded yet: invalid UTF-8 is the caller's error, and reported as such."""

    @property
    def body(self) -> bytes:
        """Return the raw body."""
        return self.request.body


# Requests without a login cookie need no CSRF token; requests with the cookie are checked below.
@method_decorator(csrf_exempt, name="dispatch")
class View(GraphQLView):
    """Answers POST; shows GraphiQL on a laptop.

    Args:
        schema: the schema.
        local: whether this is a laptop, where GraphiQL is shown.
    """

    local = False
    request_adapter_class = Bytes

    def __init__(self, schema: Schema, *, local: bool = False) -> None:
        """Accept queries only by POST: addresses end up in logs."""
        super().__init__(schema, graphql_ide="graphiql" if local else None, allow_queries_via_get=False)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401
        """Authenticate the request, apply the rate limit, and forbid caching of the response."""
        response = _refused(request) or super().dispatch(request, *args, **kwargs)
        # Strawberry's refusal of requests that are no GraphQL.
        if isinstance(response, HttpResponse) and response.get("Content-Type") == "text/plain":
            response = as_json(request, response.text, response.status_code)
        add_never_cache_headers(response)
        return response

    def decode_json(self, data: str | bytes) -> object:
        """Return the body, or a list of bodies.

        Raises:
            HTTPException: the body is neither.
        """
        try:
            body = decode(data if isinstance(data, bytes) else data.encode())
        except ValueError as error:
            raise HTTPException(400, str(error)) from None
        if not isinstance(body, dict | list):
            raise HTTPException(400, "The body must be a JSON object.")
        return body

    @method_decorator(ensure_csrf_cookie)
    @method_decorator(csp_override(GRAPHIQL_CSP))
    def render_graphql_ide(self, request: HttpRequest) -> HttpResponse:
        """Show GraphiQL from local files."""
        names = ("graphiql.min.css", "react.production.min.js", "react-dom.production.min.js", "graphiql.min.js")
        style, *scripts = (static(f"{GRAPHIQL}/{name}") for name in names)
        return render(request, "graphql/graphiql.html", {"style": style, "scripts": scripts})


class LoginAuthentication(SessionAuthentication):
    """Authentication by the login's cookie and its CSRF token."""

    def enforce_csrf(self, request: Request) -> None:
        """Check Django's own request: strawberry reads the body, and nothing may read it before.

        Raises:
            PermissionDenied: the token is missing or wrong.
        """
        super().enforce_csrf(request._request)  # type: ignore[arg-type]  # noqa: SLF001


def _refused(request: HttpRequest) -> JsonResponse | None:
    """Set ``request.user`` from a token or a cookie; return a response if the request is refused.

    Another site's page might have sent a cookie without its CSRF token.
    """
    who = Request(request, authenticators=[HashedTokenAuthentication(), LoginAuthentication()])
    try:
        request.user = who.user
    except APIException as error:
        return as_json(request, str(error.detail), error.status_code)
    throttle = Users() if request.user.is_authenticated else Anonymous()
    if request.method == "POST" and not throttle.allow_request(who, None):  # type: ignore[arg-type]
        response = as_json(request, "Too many requests.", 429)
        response.headers["Retry-After"] = str(round(throttle.wait() or 1))
        return response
    return None
