"""Reading a request's body and query: every refusal names the faulty fields."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from api.errors import ApiError, Fault

if TYPE_CHECKING:
    from flask import Request
    from pydantic_core import ErrorDetails

#: The most listed faults: a response need not be longer than its request.
MOST_FAULTS = 20

#: Our own messages for the most frequent faults.
WORDS = {"missing": "is missing", "extra_forbidden": "is unknown"}


def read_body[Model: BaseModel](request: Request, model: type[Model], media_type: str) -> Model:
    """Return the request's body.

    Raises:
        ApiError: the body is not JSON of that media type, or does not match the model.
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
        ApiError: the query does not match the model, or has a parameter twice.
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
    """Refuse unknown parameters: most often they are misspelt.

    Raises:
        ApiError: a parameter is unknown.
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
    """Return the fault as the predicate of a sentence whose subject is the field."""
    if detail["type"] in WORDS:
        return WORDS[detail["type"]]
    text = detail["msg"].removeprefix("Value error, ").replace("Input should", "must", 1)
    return text[:1].lower() + text[1:]
