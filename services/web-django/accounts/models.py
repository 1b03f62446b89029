"""The user: Django's own, with an address and a name that are unique whatever their case."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _


def languages() -> list[tuple[str, str]]:
    """Return the site's languages, each by its code and its own name."""
    return list(settings.LANGUAGES)


class UserManager(DjangoUserManager["User"]):
    """Finds users by name whatever its case, because phones like to begin a word with a capital."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the user of that name.

        Raises:
            User.DoesNotExist: there is none.
        """
        return self.get(username__iexact=username)


class User(AbstractUser):
    """Someone with an account. ``iexact`` compares in capitals, and so do the constraints: their indexes serve it."""

    email = models.EmailField(_("email address"))
    email_verified_at = models.DateTimeField(_("address verified at"), null=True, blank=True, editable=False)
    #: Where a changed address waits until its owner has verified it.
    pending_email = models.EmailField(_("new address, not verified yet"), blank=True, editable=False)
    #: What letters are written in; empty: the site's own.
    language = models.CharField(_("language"), max_length=10, blank=True, choices=languages)

    objects: ClassVar[UserManager] = UserManager()

    class Meta(AbstractUser.Meta):
        """Uniqueness that holds against two registrations at the same moment, too."""

        abstract = False
        constraints = (
            models.UniqueConstraint(Upper("username"), name="accounts_user_username_unique"),
            models.UniqueConstraint(Upper("email"), name="accounts_user_email_unique"),
        )

    @property
    def is_verified(self) -> bool:
        """Whether the user has shown that letters to the address are read."""
        return self.email_verified_at is not None

    @property
    def letters_go_to(self) -> str:
        """The address that a verification letter goes to."""
        return self.pending_email or self.email
