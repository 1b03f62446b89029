"""Users in the admin."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin

from accounts.models import User


@admin.register(User)
class UserAdmin(DjangoUserAdmin[User]):
    """Django's own page, with when people joined and were last here."""

    list_display = ("username", "email", "is_active", "is_staff", "date_joined", "last_login")
    date_hierarchy = "date_joined"
    ordering = ("-date_joined",)
    add_fieldsets = (
        (None, {"classes": ("wide",), "fields": ("username", "email", "usable_password", "password1", "password2")}),
    )
