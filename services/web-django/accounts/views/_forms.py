"""What pages with forms have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django.forms import BaseForm
    from django.http import HttpRequest, HttpResponse

#: Seconds after which a visitor whose letter could not be taken may try again.
RETRY_AFTER = 10


def without_letters(request: HttpRequest, template: str, form: BaseForm, **context: Any) -> HttpResponse:  # noqa: ANN401 - whatever the template shows
    """Show the form again, filled in, and say that nothing happened because nobody takes letters."""
    form.add_error(
        None, _("We cannot send letters at this moment, and nothing was saved. Please try again in a minute.")
    )
    response = render(request, template, {"form": form, **context}, status=503)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response
