"""Registration, and verification of the address."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth import login
from django.db import IntegrityError
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods
from quotas.letters import admit, insist

from accounts import links
from accounts.forms import AddressForm, RegistrationForm
from accounts.letters import LettersUnavailableError, request_verification
from accounts.registration import register
from accounts.views._forms import without_letters

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

#: The authentication backend of a user who has just registered.
BACKEND = "django.contrib.auth.backends.ModelBackend"


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def registration(request: HttpRequest) -> HttpResponse:
    """Show the form; create the account, log its owner in and show the profile."""
    if request.user.is_authenticated:
        return redirect("accounts:profile")
    template = "accounts/register.html"
    form = RegistrationForm(request.POST or None)
    if not form.is_valid():
        return render(request, template, {"form": form})
    insist(request, form.cleaned_data["email"])
    try:
        user = register(form, get_language() or "")
    except IntegrityError:
        form.add_error(None, _("Somebody took this name or address a moment ago. Please choose another."))
        return render(request, template, {"form": form})
    except LettersUnavailableError:
        return without_letters(request, template, form)
    login(request, user, backend=BACKEND)
    messages.success(request, _("Welcome aboard. A letter is on its way to %s.") % user.email)
    return redirect("accounts:profile")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def verify(request: HttpRequest, token: str) -> HttpResponse:
    """Verify an address after its owner's confirmation.

    To open the link is not enough: programs that scan mails open links, too.
    """
    user = links.holder(token)
    if user is None:
        return _spent(request)
    if request.method != "POST":
        return render(request, "accounts/verify.html", {"address": user.letters_go_to})
    try:
        verified = links.verify(token)
    except IntegrityError:
        verified = None
    if verified is None:
        return _spent(request)
    messages.success(request, _("Thank you. %s is confirmed.") % verified.email)
    return redirect("accounts:profile" if request.user.is_authenticated else "accounts:login")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def resend(request: HttpRequest) -> HttpResponse:
    """Send another verification mail; the response never discloses accounts."""
    template = "accounts/resend.html"
    form = AddressForm(request.POST or None, initial=_own_address(request))
    if not form.is_valid():
        return render(request, template, {"form": form})
    try:
        email = form.cleaned_data["email"]
        request_verification(email if admit(request, email) else None)
    except LettersUnavailableError:
        return without_letters(request, template, form)
    return render(request, "accounts/resent.html")


def _spent(request: HttpRequest) -> HttpResponse:
    """Offer another mail in place of a link that is forged, expired or used."""
    return render(request, "accounts/spent.html", status=410)


def _own_address(request: HttpRequest) -> dict[str, str]:
    return {"email": request.user.letters_go_to} if request.user.is_authenticated else {}
