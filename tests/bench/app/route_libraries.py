"""Asks of each app in ``routes_three_ways.py`` what our tests ask: ``tests/bench/route_libraries.py`` runs it."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import schemathesis
from api.errors import MEDIA_TYPE, ApiError
from api.idempotency.replay import HEADER, SHAPE
from api.routes import blueprint
from api.routes.operation import MAX_BODY
from flask import request
from routes_three_ways import ADD, APPS, CSV, FILES, JSON, JSON_API, ONE, SPEC, UNITS
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask, Response
    from flask.testing import FlaskClient
    from werkzeug.test import TestResponse


def unit(**changed: object) -> dict[str, Any]:
    return {"data": {"type": "units", "id": ONE, "attributes": changed}}


def refused(answer: TestResponse, status: int) -> bool:
    return answer.status_code == status and answer.content_type == MEDIA_TYPE


def behaviour(client: FlaskClient) -> Iterator[tuple[str, bool]]:
    """Yield what the API's tests expect of its routes, and whether it holds."""

    def add(body: str, kind: str = JSON, query: str = "") -> TestResponse:
        return client.post(f"{ADD}?{query}", data=body, content_type=kind)

    def change(body: dict[str, Any], kind: str = JSON_API) -> TestResponse:
        return client.patch(f"{UNITS}/{ONE}", data=json.dumps(body), content_type=kind)

    good = '{"x": 4, "y": 0.5}'
    yield "a good body is taken", add(good).status_code == 202
    yield "an unknown member is refused", refused(add('{"x": 4, "y": 4, "z": 4}'), 422)
    for value in ('"4"', "true", "NaN", "1e999", "9007199254740992"):
        yield f"x = {value} is no number", refused(add(f'{{"x": {value}, "y": 4}}'), 422)
    yield "a UUID is taken from JSON", change(unit(name="km", rank=1, listed=True)).status_code == 200
    for member, wrong in (("rank", "4"), ("rank", True), ("rank", 4.0), ("listed", "yes"), ("listed", 1)):
        yield f"{member} = {wrong!r} is of the wrong type", refused(change(unit(**{member: wrong})), 422)
    for body in ("", "{", "{'x': 4}", "[" * 10_000, '{"x": ' + "9" * 5000 + "}"):
        yield f"{body[:8]!r} is no JSON", refused(add(body), 400)
    for body in ("[]", "null", "0", '""'):
        answer = add(body)
        yield f"{body} is not taken for {{}}", refused(answer, 422) and not re.search("missing|required", answer.text)
    for kind in ("", "text/plain", "application/x-www-form-urlencoded", JSON_API):
        yield f"{kind or 'no type'} is no JSON", refused(add(good, kind), 415)
    yield "JSON:API takes its own type alone", refused(change(unit(), JSON), 415)
    for query in ("engine=rq", "engine=celery&engine=dramatiq", "motor=celery"):
        yield f"?{query} is refused", refused(add(good, query=query), 422)
    yield "a query's numbers are read", client.get(f"{UNITS}?page[number]=2").status_code == 200
    for query in ("page[number]=x", "page[number]=", "number=2"):
        yield f"?{query} is refused", refused(client.get(f"{UNITS}?{query}"), 422)
    yield "a query that nobody reads is refused", refused(client.post(f"{FILES}?a=1", content_type="text/csv"), 422)
    yield "404 is a problem document", refused(client.get("/nowhere"), 404)
    answer = client.get(ADD)
    yield "405 is a problem document and says Allow", refused(answer, 405) and "Allow" in answer.headers
    yield "413 is a problem document", refused(add(" " * 17_000), 413)
    file = client.post(FILES, data="a,b", content_type="text/csv")
    yield "a file is read by its view alone", file.headers.get("X-Bytes") == "3"


def description(spec: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield what must stand in the document, and whether it does."""
    paths = spec["paths"]
    add, files, change = paths[ADD]["post"], paths[FILES]["post"], paths[f"{UNITS}/{{unit_id}}"]["patch"]
    operations = [operation for path in paths.values() for operation in path.values()]
    answers = [answer for operation in operations for answer in operation["responses"].items()]
    problems = [answer for status, answer in answers if status >= "400"]
    yield "OpenAPI 3.1", spec["openapi"].startswith("3.1")
    yield "errors are problem documents", all(set(answer["content"]) == {MEDIA_TYPE} for answer in problems)
    yield "the type of JSON:API's bodies", set(change["requestBody"]["content"]) == {JSON_API}
    yield "the type of JSON:API's answers", set(change["responses"]["200"].get("content", {})) == {JSON_API}
    yield "bodies are required", all(operation["requestBody"].get("required") for operation in (add, change))
    yield "a file as a body", set(files.get("requestBody", {}).get("content", {})) == set(CSV)
    yield "headers of answers", "location" in map(str.lower, add["responses"]["202"].get("headers", {}))
    yield "headers of requests", HEADER.lower() in {parameter["name"].lower() for parameter in add["parameters"]}
    yield "a path's UUID", change["parameters"][0]["schema"].get("format") == "uuid"


def found(app: Flask) -> set[str]:
    """Return what Schemathesis finds that document and behaviour differ in."""
    config = SchemathesisConfig.from_dict(
        {"seed": 1, "continue-on-failure": True, "generation": {"max-examples": 40, "deterministic": True}}
    )
    problems = set()
    for event in from_schema(schemathesis.openapi.from_wsgi(SPEC, app, config=config)).execute():
        if isinstance(event, events.ScenarioFinished):
            checks = [check for of_case in event.recorder.checks.values() for check in of_case]
            failed = {check.name for check in checks if check.status == Status.FAILURE}
            problems |= {f"{event.recorder.label}: {name}" for name in failed}
        elif isinstance(event, events.NonFatalError):
            problems.add(f"{event.label}: {event.value}")
    return problems


def key_is_looked_at(_caller: object, call: Callable[[], Response]) -> Response:
    """Answer as ``api.idempotency`` does, but remember nothing: that takes a database, and has tests of its own."""
    if not SHAPE.fullmatch(request.headers.get(HEADER, "none")):
        raise ApiError(HTTPStatus.BAD_REQUEST, "no such key", field=HEADER)
    return call()


def main() -> None:
    for name, make in APPS.items():
        app = make()
        app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
        client = app.test_client()
        for title, held in (("requests", behaviour(client)), ("document", description(client.get(SPEC).get_json()))):
            results = list(held)
            print(f"{name}: {title}: {sum(kept for _, kept in results)} of {len(results)} hold")
            for what, kept in results:
                if not kept:
                    print(f"    not: {what}")
        problems = found(app)
        print(f"{name}: Schemathesis finds {len(problems)}")
        for problem in sorted(problems):
            print(f"    {problem}")


if __name__ == "__main__":
    with patch.object(blueprint, "once", key_is_looked_at):
        main()
