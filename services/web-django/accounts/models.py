"""The user: Django's own, with an address and a name that are unique regardless of case."""

from __future__ import annotations

from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Upper
from django.utils.translation import gettext_lazy as _

from accounts import addresses


def languages() -> list[tuple[str, str]]:
    """Return the site's languages by their codes, with their own names."""
    return list(settings.LANGUAGES)


class UserManager(DjangoUserManager["User"]):
    """Finds users by name regardless of case, because phones capitalise words."""

    def get_by_natural_key(self, username: str | None) -> User:
        """Return the user with a name.

        Raises:
            User.DoesNotExist: no user has it.
        """
        return self.get(username__iexact=username)

    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        """Return an address in normal form; Django calls this for every new user and in every form."""
        return addresses.normal(email or "")


class User(AbstractUser):
    """A user. ``iexact`` compares in upper case, and so do the constraints, so that it can use their indexes."""

    email = models.EmailField(_("email address"))
    email_verified_at = models.DateTimeField(_("address verified at"), null=True, blank=True, editable=False)
    #: A changed address, until its owner has verified it.
    pending_email = models.EmailField(_("new address, not verified yet"), blank=True, editable=False)
    #: The language of mails; empty: the site's own.
    language = models.CharField(_("language"), max_length=10, blank=True, choices=languages)

    objects: ClassVar[UserManager] = UserManager()

    class Meta(AbstractUser.Meta):
        """Uniqueness, which also holds for two registrations at the same moment."""

        abstract = False
        constraints = (
            models.UniqueConstraint(Upper("username"), name="accounts_user_username_unique"),
            models.UniqueConstraint(Upper("email"), name="accounts_user_email_unique"),
        )

    def clean(self) -> None:
        """Bring name and address into normal form.

        Raises:
            ValidationError: no mail server would take the address.
        """
        super().clean()
        try:
            addresses.check(self.email)
        except ValidationError as error:
            raise ValidationError({"email": error}) from None

    @property
    def is_verified(self) -> bool:
        """Whether the user has verified the address."""
        return self.email_verified_at is not None

    @property
    def letters_go_to(self) -> str:
        """The address for a verification mail."""
        return self.pending_email or self.email
