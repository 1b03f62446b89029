"""Reading a request's body and query: every refusal names the fields that are to blame."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from api.errors import ApiError, Fault

if TYPE_CHECKING:
    from flask import Request
    from pydantic_core import ErrorDetails

#: Faults that are listed at most: an answer need not be longer than what it answers.
MOST_FAULTS = 20

#: Our own words for the commonest faults.
WORDS = {"missing": "is missing", "extra_forbidden": "is unknown"}


def read_body[Model: BaseModel](request: Request, model: type[Model], media_type: str) -> Model:
    """Return the request's body.

    Raises:
        ApiError: it is not JSON of that media type, or not what the model wants.
    """
    if request.mimetype != media_type:
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"the Content-Type must be {media_type}")
    try:
        return model.model_validate_json(request.get_data(cache=True), strict=True, by_alias=True)
    except ValidationError as error:
        raise _refusal(error, "the body") from None


def read_query[Model: BaseModel](request: Request, model: type[Model]) -> Model:
    """Return the query.

    Raises:
        ApiError: it is not what the model wants, or a parameter is there twice.
    """
    values: dict[str, Any] = {}
    for name, given in request.args.lists():
        if len(given) > 1:
            fault = Fault(field=name, detail="is there more than once")
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{name!r} is there more than once", faults=[fault])
        [values[name]] = given
    try:
        return model.model_validate_strings(values, by_alias=True)
    except ValidationError as error:
        raise _refusal(error, "the query") from None


def refuse_query(request: Request) -> None:
    """Refuse parameters that nobody would read: they are most often misspelt ones.

    Raises:
        ApiError: there is one.
    """
    faults = [Fault(field=name, detail="is unknown") for name in request.args]
    if faults:
        message = f"{faults[0].field!r} is unknown; there are no parameters here"
        raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, message, faults=faults[:MOST_FAULTS])


def _refusal(error: ValidationError, what: str) -> ApiError:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    first = details[0]
    if first["type"] == "json_invalid":
        return ApiError(HTTPStatus.BAD_REQUEST, f"{what} is not valid JSON: {first['msg'].partition(': ')[2]}")
    if not first["loc"]:
        words = "must be a JSON object" if first["type"] == "model_type" else _words(first)
        return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, f"{what} {words}")
    faults = [Fault(field=_field(detail), detail=_words(detail)) for detail in details[:MOST_FAULTS]]
    message = f"{faults[0].field!r} {faults[0].detail}"
    return ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, message, faults=faults)


def _field(detail: ErrorDetails) -> str:
    return ".".join(str(part) for part in detail["loc"])


def _words(detail: ErrorDetails) -> str:
    """Return what is wrong, in words that read on after the field's name."""
    if detail["type"] in WORDS:
        return WORDS[detail["type"]]
    text = detail["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
    return text[:1].lower() + text[1:]
