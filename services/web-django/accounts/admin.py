"""Users in the admin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.guard import unlock
from accounts.models import User

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    """Django's own page, with verified addresses, languages, and an action that unlocks a login."""

    list_display = ("username", "email", "verified", "is_active", "is_staff", "date_joined", "last_login")
    date_hierarchy = "date_joined"
    ordering = ("-date_joined",)
    readonly_fields = ("email_verified_at", "pending_email")
    fieldsets = (
        *(DjangoUserAdmin.fieldsets or ()),
        (_("Letters"), {"fields": ("language", "email_verified_at", "pending_email")}),
    )
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "email", "usable_password", "password1", "password2")}),
    )
    actions = ("unlock_login",)

    @admin.display(description=_("verified"), boolean=True, ordering="email_verified_at")
    def verified(self, user: User) -> bool:
        """Show whether the address is verified."""
        return user.is_verified

    @admin.action(description=_("Unlock the login of selected users"), permissions=["change"])
    def unlock_login(self, request: HttpRequest, users: QuerySet[User]) -> None:
        """Delete the failed logins of the chosen users."""
        opened = sum(unlock(user) for user in users)
        message = ngettext("%d login was unlocked.", "%d logins were unlocked.", opened) % opened
        self.message_user(request, message, messages.SUCCESS)
