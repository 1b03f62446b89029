"""What answers at ``/graphql/``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.http import HttpResponse, JsonResponse
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
from rest_framework.throttling import AnonRateThrottle, UserRateThrottle
from strawberry.django.views import GraphQLView

from mysite.rest.authentication import HashedTokenAuthentication

if TYPE_CHECKING:
    from django.http import HttpRequest
    from django.http.response import HttpResponseBase

    from mysite.graphql.schema import Schema

#: The package whose static files hold GraphiQL; nothing else of it is used, and only laptops serve them.
GRAPHIQL = "graphene_django_graphiql_static"

#: GraphiQL makes style elements as it runs, and its style sheet holds its fonts and pictures.
GRAPHIQL_CSP = {
    **settings.SECURE_CSP,
    "style-src": [CSP.SELF, CSP.UNSAFE_INLINE],
    "font-src": [CSP.SELF, "data:"],
    "img-src": [CSP.SELF, "data:"],
}


# Programs without a login cookie need no CSRF token; who comes with the cookie is asked for one below.
@method_decorator(csrf_exempt, name="dispatch")
class View(GraphQLView):
    """Answers POST; shows GraphiQL where the schema's owner works.

    Args:
        schema: what may be asked for.
        local: whether this is a laptop, where GraphiQL is shown.
    """

    local = False

    def __init__(self, schema: Schema, *, local: bool = False) -> None:
        """Take queries by POST alone: what travels in an address ends up in logs."""
        super().__init__(schema, graphql_ide="graphiql" if local else None, allow_queries_via_get=False)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:  # noqa: ANN401
        """Find out who asks, refuse who asks too often, and forbid caches to keep the answer."""
        response = _refused(request) or super().dispatch(request, *args, **kwargs)
        add_never_cache_headers(response)
        return response

    @method_decorator(ensure_csrf_cookie)
    @method_decorator(csp_override(GRAPHIQL_CSP))
    def render_graphql_ide(self, request: HttpRequest) -> HttpResponse:
        """Show GraphiQL from local files."""
        names = ("graphiql.min.css", "react.production.min.js", "react-dom.production.min.js", "graphiql.min.js")
        style, *scripts = (static(f"{GRAPHIQL}/{name}") for name in names)
        return render(request, "graphql/graphiql.html", {"style": style, "scripts": scripts})


class LoginAuthentication(SessionAuthentication):
    """The login's cookie and the CSRF token that goes with it."""

    def enforce_csrf(self, request: Request) -> None:
        """Look at Django's own request: strawberry reads the body, and nobody may read it before.

        Raises:
            PermissionDenied: the token is missing or wrong.
        """
        super().enforce_csrf(request._request)  # type: ignore[arg-type]  # noqa: SLF001


def _refused(request: HttpRequest) -> JsonResponse | None:
    """Make ``request.user`` whom a token or a cookie stands for; return what to answer if the request is refused.

    A cookie without the CSRF token that goes with it might have been sent by another site's page.
    """
    who = Request(request, authenticators=[HashedTokenAuthentication(), LoginAuthentication()])
    try:
        request.user = who.user
    except APIException as error:
        return _error(str(error.detail), error.status_code)
    throttle = UserRateThrottle() if request.user.is_authenticated else AnonRateThrottle()
    if request.method == "POST" and not throttle.allow_request(who, None):  # type: ignore[arg-type]
        response = _error("Too many requests.", 429)
        response.headers["Retry-After"] = str(round(throttle.wait() or 1))
        return response
    return None


def _error(message: str, status: int) -> JsonResponse:
    return JsonResponse({"errors": [{"message": message}]}, status=status)
