"""Login, and pages for a new password."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.contrib.auth import views as auth
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.translation import check_for_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe
from quotas.letters import admit

from accounts import browsers
from accounts.forms import AddressForm, ChangePasswordForm
from accounts.guard import unlock
from accounts.letters import LettersUnavailableError, request_password_reset
from accounts.models import User
from accounts.views._forms import without_letters
from accounts.views.language import remember

if TYPE_CHECKING:
    from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm
    from django.http import HttpRequest, HttpResponse


class Login(auth.LoginView):
    """Django's own login, which validates ``next``; later pages are in the user's language."""

    template_name = "accounts/login.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Log the user in."""
        response = super().form_valid(form)
        user = form.get_user()
        if isinstance(user, User) and user.language and check_for_language(user.language):
            remember(response, user.language)
        return response


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def forgot(request: HttpRequest) -> HttpResponse:
    """Send a mail with a reset link; the response never discloses accounts."""
    template = "accounts/password_reset.html"
    form = AddressForm(request.POST or None)
    if not form.is_valid():
        return render(request, template, {"form": form})
    try:
        email = form.cleaned_data["email"]
        request_password_reset(email if admit(request, email) else None)
    except LettersUnavailableError:
        return without_letters(request, template, form)
    return redirect("accounts:password_reset_sent")


@never_cache
@require_safe
def forgot_sent(request: HttpRequest) -> HttpResponse:
    """Tell the visitor where to look for the mail."""
    return render(request, "accounts/password_reset_sent.html")


class Reset(auth.PasswordResetConfirmView):
    """Set a new password after a reset link, and unlock the login."""

    template_name = "accounts/password_reset_confirm.html"
    success_url = reverse_lazy("accounts:login")

    def form_valid(self, form: SetPasswordForm[Any]) -> HttpResponse:
        """Store the password. The link came by mail, so the address is verified, too."""
        response = super().form_valid(form)
        user: User = form.user
        unlock(user)
        browsers.remember(self.request, user)  # the owner of the mailbox, whatever attack is going on
        if not user.is_verified:
            user.email_verified_at = timezone.now()
            user.save(update_fields=["email_verified_at"])
        messages.success(self.request, _("Your new password is set. Log in with it."))
        return response


@method_decorator(never_cache, name="dispatch")
class Change(auth.PasswordChangeView):
    """Change the password with the old one; other browsers are logged out."""

    form_class = ChangePasswordForm
    template_name = "accounts/password_change.html"
    success_url = reverse_lazy("accounts:profile")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Store the password."""
        messages.success(self.request, _("Your password is changed. Other browsers are logged out."))
        response = super().form_valid(form)
        browsers.remember(self.request, form.user)
        return response
