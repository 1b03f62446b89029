"""Users' own accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe
from quotas.letters import insist

from accounts.forms import ProfileForm
from accounts.letters import LettersUnavailableError
from accounts.models import User
from accounts.registration import change_profile
from accounts.views._forms import without_letters
from accounts.views.language import remember

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@never_cache
@require_safe
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Show the logged-in user's own account."""
    return render(request, "accounts/profile.html")


@sensitive_post_parameters("password")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def edit(request: HttpRequest) -> HttpResponse:
    """Change name, address and language."""
    template = "accounts/profile_edit.html"
    # A separate instance: an invalid form writes into its instance, and the page's head shows request.user.
    user = User.objects.get(pk=cast("User", request.user).pk)
    user.language = user.language or get_language() or ""
    form = ProfileForm(request.POST or None, instance=user)
    if not form.is_valid():
        return render(request, template, {"form": form})
    if form.new_address:
        insist(request, form.new_address)
    try:
        user = change_profile(form)
    except LettersUnavailableError:
        return without_letters(request, template, form)
    with translation.override(user.language):
        messages.success(request, _("Your account is up to date."))
        if form.new_address:
            messages.info(request, _("Follow the link in our letter to %s to use that address.") % form.new_address)
    response = redirect("accounts:profile")
    remember(response, user.language)
    return response
