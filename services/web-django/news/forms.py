"""Readers' forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from news.models import Comment, Subscriber

if TYPE_CHECKING:
    from django.contrib.auth.base_user import AbstractBaseUser
    from django.contrib.auth.models import AnonymousUser


class HoneypotMixin(forms.Form):
    """A honeypot: a field that people do not see and programs fill in."""

    website = forms.CharField(
        label=_("Leave this empty"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "tabindex": "-1"}),
    )

    def clean_website(self) -> str:
        """Refuse a filled honeypot.

        Raises:
            ValidationError: the field is filled in.
        """
        if self.cleaned_data["website"]:
            raise ValidationError(_("Leave this field empty."), code="robot")
        return ""


class CommentForm(HoneypotMixin, forms.ModelForm[Comment]):
    """A comment. Logged-in users need not give a name."""

    class Meta:
        """What readers write."""

        model = Comment
        fields = ("name", "text")
        widgets: ClassVar[dict[str, forms.Widget]] = {
            "name": forms.TextInput(attrs={"autocomplete": "name"}),
            "text": forms.Textarea(attrs={"rows": 8}),
        }

    def __init__(self, *args: Any, user: AbstractBaseUser | AnonymousUser, **kwargs: Any) -> None:  # noqa: ANN401
        """Remember the author."""
        super().__init__(*args, **kwargs)
        if user.is_authenticated:
            del self.fields["name"]


class SubscriptionForm(HoneypotMixin, forms.Form):
    """An address for the newsletter."""

    email = forms.EmailField(
        label=_("Mail address"),
        max_length=Subscriber._meta.get_field("email").max_length,  # noqa: SLF001 - Django's documented way
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )

    def clean_email(self) -> str:
        """Return the address.

        Raises:
            ValidationError: its first part has letters that no mail server takes, or that compare like others.
        """
        email: str = self.cleaned_data["email"]
        if not email.rpartition("@")[0].isascii():
            raise ValidationError(_("Before the @, only plain Latin letters and digits are taken."), code="invalid")
        return email
