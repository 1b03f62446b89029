"""Reading a task's arguments from a request body: every refusal names the field that is to blame."""

from __future__ import annotations

from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from api.errors import ApiError

if TYPE_CHECKING:
    from flask import Request

#: The largest whole number that every JSON reader keeps exact (RFC 8259, section 6).
LARGEST = 2**53 - 1


@dataclass(frozen=True)
class Addition:
    """The two numbers to add."""

    x: float
    y: float

    @classmethod
    def from_request(cls, request: Request) -> Addition:
        """Read a body like ``{"x": 4, "y": 4}``.

        Raises:
            ApiError: the body is not such an object.
        """
        body = json_object(request)
        refuse_unknown_fields(body, known=("x", "y"))
        return cls(x=number(body, "x"), y=number(body, "y"))


def json_object(request: Request) -> dict[str, Any]:
    """Return the request's body.

    Raises:
        ApiError: it is not JSON, or not an object.
    """
    if not request.is_json:
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the Content-Type must be application/json")
    try:
        body = request.get_json(cache=False)
    except RecursionError:
        raise ApiError(HTTPStatus.BAD_REQUEST, "the body is nested too deeply") from None
    if not isinstance(body, dict):
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, "the body must be a JSON object")
    return body


def refuse_unknown_fields(body: dict[str, Any], known: tuple[str, ...]) -> None:
    """Refuse a body with fields that nobody would read: they are most often misspelt ones.

    Raises:
        ApiError: there is such a field.
    """
    for field in body:
        if field not in known:
            problem = f"{field!r} is unknown; the fields are {', '.join(known)}"
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, problem, field=field)


def number(body: dict[str, Any], field: str) -> float:
    """Return a field that must be a number of sensible size.

    Raises:
        ApiError: the field is missing, no number, or out of bounds.
    """
    if field not in body:
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{field!r} is missing", field=field)
    value = body[field]
    # To Python a bool is an int; to the caller it is not. Python reads NaN and Infinity, which JSON does not know: NaN
    # compares false with everything, so that the comparison refuses it too.
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{field!r} must be a number", field=field)
    if not -LARGEST <= value <= LARGEST:
        problem = f"{field!r} must be between {-LARGEST} and {LARGEST}"
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, problem, field=field)
    return value
