"""The OpenAPI 3.1 document, generated from the routes' declarations, so that it always matches them."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from pydantic.json_schema import models_json_schema

from api.access import SCOPES
from api.errors import MEDIA_TYPE, Problem
from api.idempotency import HEADER, REPLAYED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic import BaseModel
    from pydantic.json_schema import JsonSchemaMode

    from api.routes import Answer, Operation, Routes

    type Json = dict[str, Any]

REF = "#/components/schemas/{model}"
SECURITY_SCHEME = "apiKey"

#: The schemas of the path's converters.
CONVERTERS: dict[str, Json] = {
    "uuid": {"type": "string", "format": "uuid"},
    "int": {"type": "integer", "minimum": 0},
    "string": {"type": "string", "minLength": 1},
}

_PART = re.compile(r"<(?:(?P<converter>\w+):)?(?P<name>\w+)>")

ABOUT = """What the stack does for programs. Errors are problem documents (RFC 9457).

Most routes want an API key (`Authorization: Bearer lfk_…`); `flask keys create` makes one. A key is good for the scopes
that it was made with and for so many requests a minute: `RateLimit` says how many are left. It sees and changes only
what it made, or a key that it shares with; everything else is not there for it.

A `POST` with an `Idempotency-Key` can be repeated safely for a day: what was done once is answered, not done again."""


def document(routes: Iterable[Routes]) -> Json:
    """Return the document of all ``routes``."""
    routes = list(routes)
    schemas = _Schemas(operation for group in routes for operation in group.operations)
    paths: dict[str, Json] = {}
    for group in routes:
        for operation in group.operations:
            item = paths.setdefault(_template(group.prefix + operation.rule), {})
            item[operation.method.lower()] = _operation(group, operation, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Landfast API", "version": "1", "description": ABOUT, "license": {"name": "MIT"}},
        "servers": [{"url": "/"}],
        "tags": [{"name": group.tag, "description": group.about} for group in routes],
        "paths": paths,
        "components": {
            "schemas": schemas.definitions,
            "headers": _headers(),
            "securitySchemes": {
                SECURITY_SCHEME: {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "lfk_<prefix>_<secret>",
                    "description": "An API key. Scopes: "
                    + "; ".join(f"`{name}` {what}" for name, what in SCOPES.items()),
                }
            },
        },
    }


class _Schemas:
    """The schemas of all models, under unique names."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        wanted: dict[tuple[type[BaseModel], JsonSchemaMode], None] = {(Problem, "serialization"): None}
        for operation in operations:
            for model in filter(None, (operation.body, operation.query)):
                wanted[model, "validation"] = None
            for answer in operation.answers:
                if answer.model is not None:
                    wanted[answer.model, "serialization"] = None
        self._references, document = models_json_schema(list(wanted), ref_template=REF)
        self.definitions: dict[str, Json] = document.get("$defs", {})

    def reference(self, model: type[BaseModel], mode: JsonSchemaMode) -> Json:
        """Return the reference to a model's schema."""
        return self._references[model, mode]

    def definition(self, model: type[BaseModel], mode: JsonSchemaMode) -> Json:
        """Return a model's schema itself."""
        return self.definitions[self.reference(model, mode)["$ref"].rpartition("/")[2]]


def _template(path: str) -> str:
    return _PART.sub(r"{\g<name>}", path)


def _operation(group: Routes, operation: Operation, schemas: _Schemas) -> Json:
    described: Json = {
        "operationId": f"{group.blueprint.name}.{operation.name}",
        "tags": [group.tag],
        "summary": operation.summary,
        "description": operation.description,
        "parameters": [*_path_parameters(group.prefix + operation.rule), *_parameters(operation, schemas)],
        "responses": _responses(group, operation, schemas),
        "security": [] if operation.scope is None else [{SECURITY_SCHEME: [operation.scope]}],
    }
    content = _body(operation, schemas)
    if content:
        described["requestBody"] = {"required": True, "content": content}
    return {name: value for name, value in described.items() if value not in ("", []) or name == "security"}


def _path_parameters(rule: str) -> list[Json]:
    return [
        {"name": part["name"], "in": "path", "required": True, "schema": CONVERTERS[part["converter"] or "string"]}
        for part in _PART.finditer(rule)
    ]


def _parameters(operation: Operation, schemas: _Schemas) -> list[Json]:
    parameters: list[Json] = []
    if operation.query is not None:
        schema = schemas.definition(operation.query, "validation")
        required = schema.get("required", [])
        for name, of_one in schema.get("properties", {}).items():
            described = _without_null(of_one)
            parameter = {"name": name, "in": "query", "required": name in required, "schema": described}
            parameters.append(parameter | {key: of_one[key] for key in ("description",) if key in of_one})
    if operation.idempotent:
        about = "Makes repeating the request safe; a UUID is a good one."
        schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[\\x21-\\x7e]+$"}
        parameters.append({"name": HEADER, "in": "header", "required": False, "description": about, "schema": schema})
    return parameters


def _without_null(schema: Json) -> Json:
    """Return the schema of a parameter that is left out rather than null."""
    described = {key: value for key, value in schema.items() if key not in {"title", "description", "anyOf"}}
    choices = [choice for choice in schema.get("anyOf", []) if choice != {"type": "null"}]
    if described.get("default", ...) is None:
        del described["default"]
    return described | (choices[0] if len(choices) == 1 else {"anyOf": choices} if choices else {})


def _body(operation: Operation, schemas: _Schemas) -> Json:
    if operation.body is not None:
        return {operation.body_type: {"schema": schemas.reference(operation.body, "validation")}}
    return {media_type: {"schema": schema} for media_type, schema in (operation.upload or {}).items()}


def _responses(group: Routes, operation: Operation, schemas: _Schemas) -> Json:
    responses = {str(int(answer.status)): _answer(operation, answer, schemas) for answer in operation.answers}
    for status, about in sorted(_problems(group, operation).items()):
        response: Json = {
            "description": about,
            "content": {MEDIA_TYPE: {"schema": schemas.reference(Problem, "serialization")}},
        }
        if status in {HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE}:
            response["headers"] = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
        responses[str(int(status))] = response
    return responses


def _answer(operation: Operation, answer: Answer, schemas: _Schemas) -> Json:
    described: Json = {"description": answer.description}
    headers: Json = {
        name: {"description": about, "required": True, "schema": {"type": "string"}}
        for name, about in answer.headers.items()
    }
    names = ["X-Request-ID"]
    names += ["RateLimit", "RateLimit-Policy"] if operation.is_limited else []
    names += [REPLAYED] if operation.idempotent else []
    described["headers"] = headers | {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    content: Json = {media_type: {"schema": schema} for media_type, schema in answer.content.items()}
    if answer.model is not None:
        content[answer.media_type] = {"schema": schemas.reference(answer.model, "serialization")}
    return described | ({"content": content} if content else {})


def _problems(group: Routes, operation: Operation) -> dict[int, str]:
    """Return the problems of an operation by status: its own, and those of its features."""
    problems: dict[int, str] = {HTTPStatus.UNPROCESSABLE_ENTITY: "What was sent does not fit; `field` names what."}
    if "<" in group.prefix + operation.rule:
        problems[HTTPStatus.NOT_FOUND] = "There is no such thing."
    if operation.body is not None or operation.upload:
        problems[HTTPStatus.BAD_REQUEST] = "The body cannot be read."
        problems[HTTPStatus.CONTENT_TOO_LARGE] = f"The body is larger than {operation.max_body} bytes."
        problems[HTTPStatus.UNSUPPORTED_MEDIA_TYPE] = "The body is not of the right media type."
    if operation.idempotent:
        problems[HTTPStatus.BAD_REQUEST] = f"The body cannot be read, or the {HEADER} is malformed."
        problems[HTTPStatus.CONFLICT] = f"The first request with this {HEADER} is still running."
    if operation.scope is not None:
        problems[HTTPStatus.UNAUTHORIZED] = "There is no API key, or it is not good any more."
        problems[HTTPStatus.FORBIDDEN] = "The API key is not good for this."
    if operation.is_limited:
        problems[HTTPStatus.TOO_MANY_REQUESTS] = "The API key, or the address without one, sends too many requests."
    if operation.scope is not None or operation.needs_services:
        problems[HTTPStatus.SERVICE_UNAVAILABLE] = "A service behind the API does not answer."
    return {int(status): about for status, about in (problems | dict(operation.errors)).items()}


def _headers() -> Mapping[str, Json]:
    def header(about: str, **schema: object) -> Json:
        return {"description": about, "schema": {"type": "string", **schema}}

    return {
        "X-Request-ID": header("Names this request in the logs: the caller's own, or a new one."),
        "RateLimit": header("How many requests the key has left, and seconds until it has all of them again."),
        "RateLimit-Policy": header("How many requests the key is good for, in how many seconds."),
        "Retry-After": header("Seconds after which it may go better.", pattern="^[0-9]+$"),
        REPLAYED: header("There when this was answered before and nothing was done again.", const="true"),
    }
