"""Operators' login with a password, by django-allauth: https://docs.allauth.org/en/latest/account/adapter.html."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.template.loader import render_to_string
from landfast_runtime.django.visitors import client_address

from console import attempts

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.http import HttpRequest

logger = logging.getLogger(__name__)

#: Characters of a name in the log.
LONGEST_NAME = 150


class Adapter(DefaultAccountAdapter):  # type: ignore[misc] # it has no types
    """Nobody registers; guesses are limited; a login is logged."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002 - allauth's signature
        """Return False: operators make accounts."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address from which Nginx received the request."""
        return client_address(request)

    def pre_authenticate(self, request: HttpRequest, **credentials: object) -> None:
        """Do nothing: :meth:`authenticate` has limits, and they count accounts instead of names."""

    def authenticate(self, request: HttpRequest, **credentials: object) -> AbstractBaseUser | None:
        """Return the user whose password it is, None if there is none.

        Raises:
            ImmediateHttpResponse: there were too many failures.
        """
        username = str(credentials.get("username", ""))
        about = {"username": username[:LONGEST_NAME], "client": client_address(request)}
        try:
            with attempts.of_password(request, username) as succeeded:
                user: AbstractBaseUser | None = super().authenticate(request, **credentials)
                succeeded.append(user is not None)
        except attempts.RefusedError:
            logger.warning("a login was refused without a check: too many failures", extra=about)
            raise ImmediateHttpResponse(refusal()) from None
        if user is None:
            logger.warning("a login failed", extra=about)
        return user

    def post_login(self, request: HttpRequest, user: AbstractBaseUser, **options: object) -> HttpResponse:
        """Answer a login that is complete, the second factor included."""
        response: HttpResponse = super().post_login(request, user, **options)
        if isinstance(user, User):
            attempts.remember_device(request, response, user)
            about = {"username": user.get_username(), "client": client_address(request)}
            logger.info("an operator logged in", extra=about)
        return response

    def is_reauthentication_required(self, *, app: str, **options: object) -> bool:
        """Return whether a change needs the password again, which it does not just after a login."""
        if not super().is_reauthentication_required(app=app, **options):
            return False
        request = context.request
        times = [each["at"] for each in get_authentication_records(request, request.user)]
        return bool(time.time() - max(times, default=0) >= app_settings.REAUTHENTICATION_TIMEOUT)


def refusal() -> HttpResponse:
    """Return the answer to a guess that is not checked."""
    headers = {"Retry-After": str(attempts.WINDOW), "Cache-Control": "no-store"}
    return HttpResponse(render_to_string("console/locked.html"), status=429, headers=headers)
