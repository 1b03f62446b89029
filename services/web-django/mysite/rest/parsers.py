"""Parsers of bodies, whose results can be stored."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import FormParser, JSONParser

from mysite.wellformed import LONGEST_NAME, decode, fields, problem_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http.request import _ImmutableQueryDict


class Json(JSONParser):
    """JSON, by :func:`mysite.wellformed.decode`."""

    def parse(
        self,
        _stream: IO[Any],
        _media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - any JSON value
        """Return the body's value.

        Raises:
            ParseError: the body is no JSON, or contains a value that cannot be stored.
        """
        try:
            # Django's own body, whose size is limited.
            return decode((parser_context or {})["request"]._request.body)  # noqa: SLF001
        except ValueError as error:
            raise ParseError(str(error)) from None


class Form(FormParser):
    """A form."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> _ImmutableQueryDict:
        """Return the form.

        Raises:
            ParseError: a field contains a text that cannot be stored.
        """
        form = super().parse(stream, media_type, parser_context)
        for name, text in fields(form):
            if problem := problem_of(text):
                raise ParseError(f"{name[:LONGEST_NAME]!r} {problem}.")
        return form
