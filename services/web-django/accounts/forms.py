"""The forms of the accounts pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django import forms
from django.contrib.auth.forms import UserCreationForm
from django.utils.translation import gettext_lazy as _

from accounts.models import User

if TYPE_CHECKING:
    from django.http import QueryDict


class RegistrationForm(UserCreationForm[User]):
    """Name, address and the password twice."""

    class Meta(UserCreationForm.Meta):
        """What a visitor fills in."""

        model = User
        fields = ("username", "email")
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
        }

    def __init__(self, data: QueryDict | None = None) -> None:
        """Say in fewer words than Django's own what goes into each field."""
        super().__init__(data)
        self.fields["username"].help_text = _("Letters, digits and @ . + - _")
        self.fields["password1"].help_text = _("At least ten characters, not a common word and not like your name.")
        self.fields["password2"].label = _("Password again")
        self.fields["password2"].help_text = ""

    def clean_email(self) -> str:
        """Return the address unless somebody has it.

        Raises:
            ValidationError: somebody registered with it, in whatever case.
        """
        email: str = self.cleaned_data["email"]
        if User.objects.filter(email__iexact=email).exists():
            raise forms.ValidationError(_("There is an account with this address already."), code="unique")
        return email
