"""Registering and the profile; logging in and out are Django's own views."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.db import IntegrityError
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from accounts.forms import RegistrationForm
from accounts.registration import NotRegisteredError, register

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

#: Seconds after which a visitor whose registration could not be taken may try again.
RETRY_AFTER = 10


@sensitive_post_parameters()
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def registration(request: HttpRequest) -> HttpResponse:
    """Show the form; make the account, log its owner in and show the profile."""
    if request.user.is_authenticated:
        return redirect("accounts:profile")
    form = RegistrationForm(request.POST or None)
    if not form.is_valid():
        return _form(request, form)
    try:
        user = register(form)
    except IntegrityError:
        form.add_error(None, _("Somebody took this name or address a moment ago. Please choose another."))
        return _form(request, form)
    except NotRegisteredError:
        form.add_error(
            None,
            _("We cannot take registrations at this moment, and nothing was saved. Please try again in a minute."),
        )
        response = _form(request, form, status=503)
        response.headers["Retry-After"] = str(RETRY_AFTER)
        return response
    login(request, user)
    messages.success(request, _("Welcome aboard. A letter is on its way to %s.") % user.email)
    return redirect("accounts:profile")


@never_cache
@require_safe
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Show the logged-in user's own account."""
    return render(request, "accounts/profile.html")


def _form(request: HttpRequest, form: RegistrationForm, status: int = 200) -> HttpResponse:
    return render(request, "accounts/register.html", {"form": form}, status=status)
