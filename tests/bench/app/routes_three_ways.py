"""Four routes, declared by ``api/routes``, by APIFlask and by spectree: see ``tests/bench/route_libraries.py``.

The libraries get strict models, problem documents as errors, and all that they let one say of a route. "+ our reading"
puts ``api/routes/reading.py`` in the place of what reads requests in them, so that only the document is theirs.
"""

# mypy: allow-subclassing-any, allow-untyped-decorators
# The libraries are installed for a run alone: to the type checker all that is theirs is Any.

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

import apiflask  # type: ignore[import-not-found]
import spectree  # type: ignore[import-not-found]
from api.errors import MEDIA_TYPE, ApiError, Fault, Problem, error_response, register_error_handlers
from api.openapi import document
from api.routes import Answer, Number, Routes, registered_routes, respond
from api.routes.reading import read_body, read_query
from apiflask.schema_adapters.pydantic import PydanticAdapter  # type: ignore[import-not-found]
from flask import Flask, Response, request
from pydantic import BaseModel, ConfigDict, Field
from spectree.plugins.base import Context  # type: ignore[import-not-found]
from spectree.plugins.flask_plugin import FlaskPlugin  # type: ignore[import-not-found]

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Request
    from pydantic import ValidationError

ADD, UNIT, UNITS, FILES = "/v1/add", "/v1/units/<uuid:unit_id>", "/v1/units", "/v1/files"
ONE = "11111111-2222-4333-8444-555555555555"
JSON, JSON_API = "application/json", "application/vnd.api+json"
CSV: dict[str, dict[str, Any]] = {"text/csv": {}}
SPEC = "/openapi.json"


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Addition(Strict):
    x: Number
    y: Number


class Sending(Strict):
    engine: Literal["celery", "dramatiq"] = "celery"


class Progress(Strict):
    id: UUID
    ready: bool = False


class Attributes(Strict):
    name: str | None = None
    rank: int = 0
    listed: bool = False


class Unit(Strict):
    type: Literal["units"]
    id: UUID
    attributes: Attributes


class UnitDocument(Strict):
    data: Unit


class Page(Strict):
    number: Annotated[int, Field(ge=1, alias="page[number]")] = 1
    name: Annotated[str | None, Field(alias="filter[name]")] = None


class Nothing(Strict):
    """No parameters."""


class Key(BaseModel):
    """The header of a request: spectree looks for its alias, APIFlask for the field's name."""

    model_config = ConfigDict(validate_by_alias=True, validate_by_name=True)

    idempotency_key: Annotated[
        str | None, Field(alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")
    ] = None


def added() -> Response:
    return respond(Progress(id=UUID(ONE)), HTTPStatus.ACCEPTED, {"Location": f"/v1/tasks/{ONE}"})


def shown(body: UnitDocument) -> Response:
    return respond(body, media_type=JSON_API)


def received() -> Response:
    """Read a file piece by piece, and say how much was left for this view to read."""
    if request.mimetype not in CSV:
        raise ApiError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send text/csv")
    size = sum(len(piece) for piece in iter(lambda: request.stream.read(1024), b""))
    return Response(status=HTTPStatus.NO_CONTENT, headers={"X-Bytes": str(size)})


def listed(query: Page) -> Response:
    return respond(query)


def ours() -> Flask:
    app = Flask("ours", static_folder=None)
    register_error_handlers(app)
    routes = Routes("all", __name__, prefix="/v1", tag="All")

    @routes.post("/add", Answer(202, "Taken.", Progress, headers={"Location": "where"}), idempotent=True)
    def add(body: Addition, query: Sending) -> Response:  # noqa: ARG001 - the route reads the annotations
        return added()

    @routes.patch("/units/<uuid:unit_id>", Answer(200, "It.", UnitDocument, media_type=JSON_API), body_type=JSON_API)
    def change(unit_id: UUID, body: UnitDocument) -> Response:  # noqa: ARG001
        return shown(body)

    @routes.get("/units", Answer(200, "A page.", Page))
    def page(query: Page) -> Response:
        return listed(query)

    @routes.post("/files", Answer(204, "Read."), upload=CSV)
    def upload() -> Response:
        return received()

    routes.register(app)
    app.add_url_rule(SPEC, "spec", lambda: document(registered_routes()))
    return app


class OurReading(PydanticAdapter):
    """What APIFlask reads a request by, if its own way is not strict enough."""

    def validate_input(self, request: Request, location: str, **options: object) -> object:
        if location == "query":
            return read_query(request, self.model_class)
        if location == "json":
            return read_body(request, self.model_class, JSON_API if self.model_class is UnitDocument else JSON)
        return super().validate_input(request, location, **options)


def by_apiflask(adapter: type[PydanticAdapter]) -> Flask:
    apiflask.schema_adapters.registry.register("pydantic", adapter)
    app = apiflask.APIFlask("apiflask", json_errors=False, docs_path=None, spec_path=SPEC)
    register_error_handlers(app)
    # Its own descriptions of errors are all of application/json.
    app.config.update(AUTO_OPERATION_ID=True, AUTO_404_RESPONSE=False, AUTO_VALIDATION_ERROR_RESPONSE=False)

    @app.errorhandler(apiflask.HTTPError)
    def refuse(error: apiflask.HTTPError) -> Response:
        return error_response(HTTPStatus(error.status_code), f"{error.message}: {error.detail}")

    def problems(*statuses: int) -> dict[int, Any]:
        content = {MEDIA_TYPE: {"schema": {"type": "object"}}}
        return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}

    class Location(BaseModel):
        location: str

    class Path(BaseModel):
        unit_id: UUID

    @app.post(ADD)
    @app.input(Addition, arg_name="body")
    @app.input(Sending, location="query", arg_name="query")
    @app.input(Key, location="headers", arg_name="key")
    @app.output(Progress, status_code=202, headers=Location)
    @app.doc(responses=problems(400, 413, 415, 422))
    def add(body: Addition, query: Sending, key: Key) -> Response:  # noqa: ARG001
        return added()

    @app.patch(UNIT)
    @app.input(Path, location="path", arg_name="path")
    @app.input(UnitDocument, arg_name="body")
    @app.output(UnitDocument, content_type=JSON_API)
    @app.doc(responses=problems(400, 404, 413, 415, 422))
    def change(unit_id: UUID, path: Path, body: UnitDocument) -> Response:  # noqa: ARG001
        return shown(body)

    @app.get(UNITS)
    @app.input(Page, location="query", arg_name="query")
    @app.output(Page)
    @app.doc(responses=problems(422))
    def page(query: Page) -> Response:
        return listed(query)

    @app.post(FILES)
    @app.input(Nothing, location="query", arg_name="query")
    @app.doc(responses={204: "Read.", **problems(400, 413, 415, 422)})
    def upload(query: Nothing) -> Response:  # noqa: ARG001
        return received()

    made: Flask = app
    return made


class ReadByUs(FlaskPlugin):
    """What spectree reads a request by, if its own way is not strict enough."""

    def request_validation(
        self, request: Request, query: type[BaseModel] | None, json: type[BaseModel] | None, *_: object
    ) -> None:
        kind = JSON_API if json is UnitDocument else JSON
        body = read_body(request, json, kind) if json else None
        vars(request)["context"] = Context(read_query(request, query) if query else None, body, None, None, None)


def by_spectree(plugin: type[FlaskPlugin]) -> Flask:
    app = Flask("spectree", static_folder=None)
    register_error_handlers(app)

    def refuse(_request: Request, _response: Response, error: ValidationError | None, *_: object) -> None:
        if error is not None:
            faults = [Fault(field=".".join(map(str, each["loc"])), detail=each["msg"]) for each in error.errors()]
            raise ApiError(HTTPStatus.UNPROCESSABLE_ENTITY, str(faults[0].detail), faults=faults)

    spec = spectree.SpecTree("flask", backend=plugin, before=refuse, validation_error_model=Problem, path="spec")
    errors: dict[str, Any] = {f"HTTP_{status}": Problem for status in (400, 413, 415)}

    @app.post(ADD)
    @spec.validate(resp=spectree.Response(HTTP_202=Progress, **errors))
    def add(json: Addition, query: Sending, headers: Key) -> Response:  # noqa: ARG001
        return added()

    @app.patch(UNIT)
    @spec.validate(resp=spectree.Response(HTTP_200=UnitDocument, HTTP_404=Problem, **errors))
    def change(unit_id: UUID, json: UnitDocument) -> Response:  # noqa: ARG001
        return shown(json)

    @app.get(UNITS)
    @spec.validate(resp=spectree.Response(HTTP_200=Page))
    def page(query: Page) -> Response:
        return listed(query)

    @app.post(FILES)
    @spec.validate(resp=spectree.Response("HTTP_204", **errors))
    def upload(query: Nothing) -> Response:  # noqa: ARG001
        return received()

    spec.register(app)
    app.add_url_rule(SPEC, "spec", lambda: spec.spec)
    return app


APPS: dict[str, Callable[[], Flask]] = {
    "ours": ours,
    "APIFlask": lambda: by_apiflask(PydanticAdapter),
    "APIFlask + our reading": lambda: by_apiflask(OurReading),
    "spectree": lambda: by_spectree(FlaskPlugin),
    "spectree + our reading": lambda: by_spectree(ReadByUs),
}
