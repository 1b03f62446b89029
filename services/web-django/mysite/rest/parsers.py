"""How bodies are read: so that whatever comes out of it can be stored."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import FormParser, JSONParser

from mysite.wellformed import LONGEST_NAME, decode, fields, problem_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http.request import _ImmutableQueryDict


class Json(JSONParser):
    """JSON, as :func:`mysite.wellformed.decode` takes it."""

    def parse(
        self,
        _stream: IO[Any],
        _media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return what the body holds.

        Raises:
            ParseError: it is no JSON, or holds what cannot be stored.
        """
        try:
            # Django's own body, which has a limit.
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
            ParseError: a field holds what cannot be stored.
        """
        form = super().parse(stream, media_type, parser_context)
        for name, text in fields(form):
            if problem := problem_of(text):
                raise ParseError(f"{name[:LONGEST_NAME]!r} {problem}.")
        return form
