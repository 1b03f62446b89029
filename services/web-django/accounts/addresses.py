"""Mail addresses in one form, so that one mailbox has one account.

A domain in full-width letters is the same domain, because mail programs fold such letters. Django's validator accepts a
few letters outside ASCII before the ``@`` (its pattern ignores case, and a dotless i is an I then), and PostgreSQL's
comparison takes them for others' addresses.
"""

from __future__ import annotations

import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


def normal(address: str) -> str:
    """Return an address in its normal form; what is none is returned as it is, and refused by its validators.

    Args:
        address: a visitor's input.
    """
    local, at, domain = unicodedata.normalize("NFKC", address.strip()).rpartition("@")
    if not at:
        return address
    try:
        domain = domain.encode("idna").decode("ascii").lower().encode("ascii").decode("idna")
    except UnicodeError:
        return address
    return f"{local}@{domain}"


def check(address: str) -> None:
    """Accept only addresses whose first part every mail server takes.

    Raises:
        ValidationError: it has letters outside ASCII.
    """
    if not address.rpartition("@")[0].isascii():
        raise ValidationError(_("Before the @, only plain Latin letters and digits are taken."), code="invalid")


class AddressField(forms.EmailField):
    """A form's field for an address, whose value is in normal form."""

    def __init__(self, **options: Any) -> None:  # noqa: ANN401 - Django's own
        options.setdefault("max_length", 254)
        super().__init__(**options)
        self.validators = [*self.validators, check]

    def to_python(self, value: Any) -> Any:  # noqa: ANN401 - as above
        """Return the address."""
        given = super().to_python(value)
        return normal(given) if isinstance(given, str) else given
