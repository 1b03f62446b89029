"""The tokens for programs that use the REST interface."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, ClassVar

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser

#: Random bytes of a token. With so many, a plain digest is safe: the token cannot be guessed.
STRENGTH = 32

#: The most tokens of a user.
MOST = 50


class TokenManager(models.Manager["Token"]):
    """Creates and finds tokens."""

    def issue(self, user: AbstractBaseUser, name: str = "") -> str:
        """Store a new token and return its text, which cannot be read from the database later.

        An owner's oldest token beyond :data:`MOST` is deleted.

        Args:
            user: the token's owner.
            name: the owner's name for it.
        """
        text = secrets.token_urlsafe(STRENGTH)
        kept = self.filter(user_id=user.pk).values_list("pk", flat=True)[: MOST - 1]
        self.filter(user_id=user.pk).exclude(pk__in=list(kept)).delete()
        self.create(user_id=user.pk, name=name, digest=digest(text))
        return text

    def find(self, text: str) -> Token:
        """Return the token with this text and its user.

        Raises:
            Token.DoesNotExist: no such token exists, or it was revoked.
        """
        return self.select_related("user").get(digest=digest(text))


def digest(text: str) -> str:
    """Return the digest of a token's text, which is stored."""
    return hashlib.sha256(text.encode()).hexdigest()


class Token(models.Model):
    """A token, with which a program acts as a user until it is revoked. Only its digest is stored."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="rest_tokens", verbose_name=_("user")
    )
    name = models.CharField(_("name"), max_length=80, blank=True, help_text=_("What its owner calls it."))
    digest = models.CharField(_("digest"), max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(_("made at"), auto_now_add=True)

    objects: ClassVar[TokenManager] = TokenManager()

    class Meta:
        """The newest first."""

        ordering = ("-created_at", "-pk")
        verbose_name = _("REST token")
        verbose_name_plural = _("REST tokens")

    def __str__(self) -> str:
        """Return its name, or its id if it has none."""
        return self.name or f"#{self.pk}"
