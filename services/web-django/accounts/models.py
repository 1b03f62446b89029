"""The user: Django's own, with an address and a name that are unique whatever their case."""

from __future__ import annotations

from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _


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

    objects: ClassVar[UserManager] = UserManager()

    class Meta(AbstractUser.Meta):
        """Uniqueness that holds against two registrations at the same moment, too."""

        abstract = False
        constraints = (
            models.UniqueConstraint(Upper("username"), name="accounts_user_username_unique"),
            models.UniqueConstraint(Upper("email"), name="accounts_user_email_unique"),
        )
