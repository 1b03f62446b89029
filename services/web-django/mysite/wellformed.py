"""Validation at the edge of every interface: requests that nothing behind it can read or store are refused here.

PostgreSQL stores no NUL and no lone surrogate, Python converts no number of thousands of digits, and a deeply nested
document exhausts the stack. Views, filters and resolvers need not handle any of that. The fields of pages' forms
validate their input themselves, so that people keep their input and see the error beside it.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from typing import TYPE_CHECKING, Any, NoReturn

from mysite.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from django.http import HttpRequest, HttpResponse, QueryDict

#: Characters that PostgreSQL cannot store in a text.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")

#: The deepest nesting of a JSON document; ours have three levels.
MAX_DEPTH = 50

#: The most characters of a name that a response repeats.
LONGEST_NAME = 100


class WellFormedMiddleware:
    """Refuses invalid text in the address and in headers; :func:`decode` checks programs' bodies.

    Args:
        get_response: the next handler.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Remember what to wrap."""
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer the request.

        Raises:
            Refused: its address, a header or its encoding is invalid.
        """
        _check_charset((request.content_params or {}).get("charset"))
        _check("the address", [("the path", request.path_info)])
        if "%00" in request.META.get("QUERY_STRING", ""):
            _check("the query", fields(request.GET))
        _check("the headers", ((name, value) for name, value in request.META.items() if name.startswith("HTTP_")))
        # Quoted cookies may contain any character. A browser with such a cookie must not be refused until it expires.
        for name in [name for name, value in request.COOKIES.items() if _UNSTORABLE.search(value)]:
            del request.COOKIES[name]
        return self._get_response(request)


def decode(text: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value of a JSON document.

    Args:
        text: the body of a request.

    Raises:
        ValueError: the text is no JSON, or has a value that cannot be stored; the message names the place.
    """
    try:
        value = json.loads(text.decode(), parse_constant=_refuse_constant)
    except UnicodeDecodeError as error:
        raise ValueError(f"The body is not UTF-8: byte {error.start + 1}.") from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:  # no JSON, or a number of too many digits
        raise ValueError(f"The body is not valid JSON: {str(error).partition(';')[0]}.") from None
    waiting: list[tuple[tuple[object, ...], Any]] = [((), value)]
    while waiting:
        path, part = waiting.pop()
        if len(path) >= MAX_DEPTH:
            raise _too_deep()
        problem = _problem(part)
        if problem:
            name = ".".join(map(str, path))[:LONGEST_NAME]
            raise ValueError(f"{name or 'The body'!r} {problem}.")
        waiting += (((*path, key), inner) for key, inner in _children(part))
    return value


def fields(form: QueryDict) -> Iterator[tuple[str, str]]:
    """Yield each name of a query or form with each of its texts, and with itself, because a name is a text, too."""
    for name, values in form.lists():
        yield from ((name, text) for text in (name, *values))


def problem_of(text: str) -> str | None:
    """Return the problem of a text, as the predicate of a sentence; None if it can be stored."""
    found = _UNSTORABLE.search(text)
    return f"holds the character U+{ord(found[0]):04X}, which cannot be stored" if found else None


def _problem(part: Any) -> str | None:  # noqa: ANN401 - any JSON value
    if isinstance(part, str):
        return problem_of(part)
    if isinstance(part, dict):
        return next((f"has a name that {problem}" for key in part if (problem := problem_of(key))), None)
    if isinstance(part, float) and math.isinf(part):
        return "is a number too large"
    return None


def _children(part: Any) -> Iterable[tuple[object, Any]]:  # noqa: ANN401 - any JSON value
    if isinstance(part, dict):
        return part.items()
    return enumerate(part) if isinstance(part, list) else ()


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _too_deep() -> ValueError:
    return ValueError(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _check(where: str, texts: Iterable[tuple[str, str]]) -> None:
    for name, text in texts:
        problem = problem_of(text)
        if problem:
            raise Refused(f"In {where}, {name[:LONGEST_NAME]!r} {problem}.")


def _check_charset(charset: str | None) -> None:
    """Accept only UTF-8: some of Python's encodings unpack archives, or do not produce text."""
    if charset is None:
        return
    try:
        known = codecs.lookup(charset).name in {"utf-8", "ascii"}
    except (LookupError, ValueError):
        known = False
    if not known:
        raise Refused(f"The charset {charset!r} is not taken: send UTF-8.", status=415)
