"""The forms of the accounts pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.conf import settings
from django.contrib.auth.forms import PasswordChangeForm, UserCreationForm
from django.utils.translation import gettext_lazy as _

from accounts import guard, names
from accounts.addresses import AddressField
from accounts.models import User

if TYPE_CHECKING:
    from django.http import QueryDict


class RegistrationForm(UserCreationForm[User]):
    """The form of registration: name, address and the password twice."""

    class Meta(UserCreationForm.Meta):
        """What a visitor fills in."""

        model = User
        fields = ("username", "email")
        field_classes: ClassVar[dict[str, type[forms.Field]]] = {
            **UserCreationForm.Meta.field_classes,
            "email": AddressField,
        }
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
        }

    def __init__(self, data: QueryDict | None = None) -> None:
        """Set help texts that are shorter than Django's own."""
        super().__init__(data)
        self.fields["username"].help_text = _("Letters, digits and @ . + - _")
        self.fields["password1"].help_text = _("At least ten characters, not a common word and not like your name.")
        self.fields["password2"].label = _("Password again")
        self.fields["password2"].help_text = ""

    def clean_username(self) -> str:
        """Return the name unless it is taken, or looks like one that is.

        Raises:
            ValidationError: it is taken, mixes alphabets, or looks like a name in another alphabet.
        """
        name: str = super().clean_username() or ""
        if names.mixes_scripts(name):
            raise forms.ValidationError(_("Use letters of one alphabet."), code="mixed")
        if any(User.objects.filter(username__iexact=other).exists() for other in names.look_alikes(name)):
            raise forms.ValidationError(
                _("This name looks like somebody else's. Please choose another."), code="unique"
            )
        return name

    def clean_email(self) -> str:
        """Return the address unless it is taken.

        Raises:
            ValidationError: an account has the address, in upper or lower case.
        """
        email: str = self.cleaned_data["email"]
        _refuse_taken(email)
        return email


class AddressForm(forms.Form):
    """A form with an address."""

    email = AddressField(label=_("Email address"), widget=forms.EmailInput(attrs={"autocomplete": "email"}))


class ProfileForm(forms.ModelForm[User]):
    """The user's own data.

    Args:
        data: the submitted data; None for an empty form.
        instance: the user.
    """

    password = forms.CharField(
        label=_("Current password"),
        help_text=_("Needed only for a new address."),
        required=False,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    class Meta:
        """What a user fills in."""

        model = User
        fields = ("first_name", "last_name", "language", "email")
        field_classes: ClassVar[dict[str, type[forms.Field]]] = {"email": AddressField}
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "first_name": forms.TextInput(attrs={"autocomplete": "given-name"}),
            "last_name": forms.TextInput(attrs={"autocomplete": "family-name"}),
            "email": forms.EmailInput(attrs={"autocomplete": "email"}),
        }

    def __init__(self, data: QueryDict | None = None, *, instance: User) -> None:
        """Remember the present address: the form itself never changes it."""
        self._address = instance.email
        super().__init__(data, instance=instance)
        self.fields["email"].help_text = _("A new address counts once you have followed the link that we send there.")
        language = self.fields["language"]
        language.required = True
        language.choices = settings.LANGUAGES  # type: ignore[attr-defined]

    @property
    def new_address(self) -> str:
        """The address to verify; empty if it does not change."""
        email: str = self.cleaned_data["email"]
        return "" if email == self._address else email

    def clean_email(self) -> str:
        """Return the address unless another user has it.

        Raises:
            ValidationError: another user has the address, in upper or lower case.
        """
        email: str = self.cleaned_data["email"]
        _refuse_taken(email, but_for=self.instance)
        return email

    def clean(self) -> dict[str, Any]:
        """Require the password for a new address: an unattended browser must not be enough to take an account over."""
        values = super().clean() or self.cleaned_data
        changed = values.get("email", self._address) != self._address
        if changed and not guard.check_own_password(self.instance, values.get("password", "")):
            self.add_error(
                "password", forms.ValidationError(_("Enter your password to change the address."), "password")
            )
        return values

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's own signature
        """Store the changes, a new address as pending."""
        self.instance.pending_email = self.new_address
        self.instance.email = self._address
        return super().save(commit)


class ChangePasswordForm(PasswordChangeForm):
    """Django's own, with a limit of wrong current passwords."""

    def clean_old_password(self) -> str:
        """Return the current password.

        Raises:
            ValidationError: it is wrong.
        """
        password: str = self.cleaned_data["old_password"]
        if not guard.check_own_password(self.user, password):
            raise forms.ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return password


def _refuse_taken(email: str, but_for: User | None = None) -> None:
    taken = User.objects.filter(email__iexact=email)
    if but_for is not None:
        taken = taken.exclude(pk=but_for.pk)
    if taken.exists():
        raise forms.ValidationError(_("There is an account with this address already."), code="unique")
