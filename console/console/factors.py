"""The second factor of operators, by django-allauth's ``allauth.mfa``: how far a session's login has come."""

from __future__ import annotations

import time
from enum import Enum, auto
from typing import TYPE_CHECKING

from allauth.account.adapter import get_adapter as get_account_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.sessions.models import Session
from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin

from console import attempts

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import User
    from django.http import HttpRequest, HttpResponse

#: Recovery codes are no factor of their own: they come with one, and stand in for it.
FACTORS = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]

#: The pages of a session that still lacks a second factor, by the names of their views.
OF_ENROLMENT = {
    "mfa_index",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "account_reauthenticate",
    "account_logout",
}
#: Pages without a login, which also work without the database.
OPEN = {"readiness"}


class State(Enum):
    """How far a session's login has come."""

    ANONYMOUS = auto()  # nobody, or a session that is over
    WITHOUT_FACTOR = auto()  # a second factor is required, and the user has none yet
    COMPLETE = auto()


def state_of(request: HttpRequest) -> State:
    """Return how far the login of a request's session has come.

    A session is over some time after its login, whether it is used or not. It is also over if its user has got a
    second factor elsewhere since the login.
    """
    if not request.user.is_authenticated:
        return State.ANONYMOUS
    records = get_authentication_records(request, request.user)
    logins = [each for each in records if not each.get("reauthenticated")]
    if not logins or time.time() - logins[-1]["at"] >= settings.SESSION_COOKIE_AGE:
        return State.ANONYMOUS
    if any(each["method"] == "mfa" for each in records):
        return State.COMPLETE
    if is_mfa_enabled(request.user, FACTORS):
        return State.ANONYMOUS
    return State.WITHOUT_FACTOR if settings.SECOND_FACTOR_IS_REQUIRED else State.COMPLETE


class SecondFactorMiddleware(MiddlewareMixin):
    """Ends sessions that are over, and leads users without a required second factor to the page that adds one."""

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        """Return the answer to a request whose session lacks something."""
        match = request.resolver_match
        if match is None or match.url_name in OPEN or not request.path.startswith(settings.CSRF_COOKIE_PATH):
            return None
        state = state_of(request)
        if state is State.ANONYMOUS and request.user.is_authenticated:
            logout(request)
        if state is State.WITHOUT_FACTOR:
            if match.url_name not in OF_ENROLMENT:
                return HttpResponseRedirect(reverse("mfa_index"))
            request.must_add_factor = True  # type: ignore[attr-defined] # for the page
        return None


class Adapter(DefaultMFAAdapter):  # type: ignore[misc] # it has no types
    """The last factor stays if one is required."""

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Return whether the user may remove a factor."""
        if not settings.SECOND_FACTOR_IS_REQUIRED:
            return True
        others = Authenticator.objects.filter(user=authenticator.user, type__in=FACTORS).exclude(pk=authenticator.pk)
        return bool(others.exists())


class LimitedCode:
    """A form with a code, of which few guesses are checked."""

    user: User

    def clean_code(self) -> str:
        """Return the code if it is right."""
        try:
            with attempts.of_code(self.user) as succeeded:
                code: str = super().clean_code()  # type: ignore[misc] # of the form
                succeeded.append(True)
        except attempts.RefusedError:
            raise get_account_adapter().validation_error("too_many_login_attempts") from None
        return code


class CodeForm(LimitedCode, AuthenticateForm):  # type: ignore[misc] # it has no types
    """The code of a login."""


class CodeAgainForm(LimitedCode, ReauthenticateForm):  # type: ignore[misc] # it has no types
    """The code before a change."""


def complete_session(request: HttpRequest, user: AbstractBaseUser, authenticator: Authenticator, **_: object) -> None:
    """Note in a session that its user has just shown the factor that they added."""
    if authenticator.type in FACTORS:
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type, reauthenticated=True)


authenticator_added.connect(complete_session, dispatch_uid="console.factors")


def reset(user: User) -> int:
    """Remove all factors of a user and end their sessions; return the number of removed factors.

    Recovery codes are no factor of their own, and are removed, too.
    """
    count: int = Authenticator.objects.filter(user=user, type__in=FACTORS).count()
    Authenticator.objects.filter(user=user).delete()
    for session in Session.objects.filter(expire_date__gt=timezone.now()):
        if session.get_decoded().get("_auth_user_id") == str(user.pk):
            session.delete()
    return count
