"""Tokens in the admin, where they are viewed and revoked; only their owners create them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from mysite.rest.models import Token

if TYPE_CHECKING:
    from django.http import HttpRequest


@admin.register(Token)
class TokenAdmin(admin.ModelAdmin[Token]):
    """The tokens and their owners."""

    list_display = ("__str__", "user", "created_at")
    list_select_related = ("user",)
    search_fields = ("name", "user__username")
    fields = ("user", "name", "created_at")

    def has_add_permission(self, _request: HttpRequest) -> bool:
        """Refuse: nobody could read the new token's text here."""
        return False

    def has_change_permission(self, _request: HttpRequest, _token: Token | None = None) -> bool:
        """Refuse: a token never changes, it is revoked."""
        return False
