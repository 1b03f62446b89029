"""Code that pages with forms share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.shortcuts import render
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    from django.forms import BaseForm
    from django.http import HttpRequest, HttpResponse

#: Seconds after which a visitor whose mail could not be requested may retry.
RETRY_AFTER = 10


def without_letters(request: HttpRequest, template: str, form: BaseForm, **context: Any) -> HttpResponse:  # noqa: ANN401 - the template's context
    """Show the form again, filled in, with the message that no mail can be sent and nothing was saved."""
    form.add_error(
        None, _("We cannot send letters at this moment, and nothing was saved. Please try again in a minute.")
    )
    response = render(request, template, {"form": form, **context}, status=503)
    response.headers["Retry-After"] = str(RETRY_AFTER)
    return response
