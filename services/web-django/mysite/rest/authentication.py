"""Authentication of a request: a program with a token, or a browser that is logged in."""

from __future__ import annotations

from django.utils.translation import gettext as _
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import TokenAuthentication
from rest_framework.exceptions import AuthenticationFailed

from mysite.rest.models import Token


class HashedTokenAuthentication(TokenAuthentication):
    """``Authorization: Token <text>``, compared by its digest."""

    def authenticate_credentials(self, key: str) -> tuple[object, object]:
        """Return the token's user and the token.

        Raises:
            AuthenticationFailed: there is no such token, or its user was deactivated.
        """
        try:
            token = Token.objects.find(key)
        except Token.DoesNotExist:
            raise AuthenticationFailed(_("This token is not known here.")) from None
        if not token.user.is_active:
            raise AuthenticationFailed(_("This account is not active."))
        return token.user, token


class HashedTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The description of token authentication in the OpenAPI document."""

    target_class = HashedTokenAuthentication
    name = "token"

    def get_security_definition(self, _auto_schema: object) -> dict[str, str]:
        """Return OpenAPI's description of the header."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Token` and a space before the text that `POST /rest/token/` returns.",
        }
