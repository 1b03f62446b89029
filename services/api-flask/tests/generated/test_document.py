"""Schemathesis over the whole OpenAPI document, by HTTP: all phases with all checks, from one seed."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from api.idempotency import HEADER
from api.openapi import SECURITY_SCHEME
from landfast_testing.hostile import SHARE
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from werkzeug.serving import make_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from flask import Flask
    from requests.structures import CaseInsensitiveDict

    from tests.conftest import Results

#: The least number of cases. Most of them cover each element of the document once, in every run.
FEWEST_CASES = 1_400 + 600 // SHARE

SEED = 20_261_123

#: Statuses of responses to valid requests; 409 is for another row with the same name.
ACCEPTED = ["2xx", "401", "403", "404", "409", "429"]

#: Operations with rules of validity that a JSON schema cannot express, and the responses of these rules.
KNOW_MORE = {
    "/api/v1/datasets/": ["400", "422"],  # a form's fields come before its file; a file's lines fit its header
    "/api/v1/reports/": ["422"],  # the dataset exists, and has the column
    "/api/v1/tasks/{task_id}": ["405"],  # "add" is no task
}


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Serve the API for this test and return its address."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def configuration(key: str) -> SchemathesisConfig:
    def positive(*more: str) -> dict[str, Any]:
        return {"positive_data_acceptance": {"expected-statuses": [*ACCEPTED, *more]}}

    return SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "auth": {"openapi": {SECURITY_SCHEME: {"bearer": key}}},
            "continue-on-failure": True,
            "generation": {"max-examples": 80 // SHARE, "deterministic": True, "database": "none"},
            "checks": positive(),
            "operations": [{"include-path": path, "checks": positive(*more)} for path, more in KNOW_MORE.items()],
        }
    )


@pytest.fixture
def _each_key_is_used_once() -> Iterator[None]:
    """Make each generated idempotency key new: the refusal of a used one has a test of its own."""

    @schemathesis.hook("before_call")
    def lengthen(context: object, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:  # noqa: ARG001 - its names
        headers: CaseInsensitiveDict[str] | None = case.headers
        key = headers.get(HEADER) if headers else None
        if headers and key and len(key) < 200:
            headers[HEADER] = f"{key}{uuid.uuid4()}"

    yield
    schemathesis.hooks.unregister_all()


def complaint(event: events.ScenarioFinished, case_id: str, check: Any) -> str:  # noqa: ANN401 - not exported
    """Describe a check's finding, with all data to reproduce it."""
    interaction = event.recorder.interactions[case_id]
    request, response = interaction.request, interaction.response
    asked = f"{request.method} {request.uri} {request.headers} {request.body!r}"
    answered = f"{response.status_code} {response.content!r}" if response else "nothing"
    return f"{event.recorder.label}: {check.name}: {check.failure_info.failure.message}\n{asked}\n-> {answered}"


@pytest.mark.usefixtures("_each_key_is_used_once")
def test_nothing_is_found_wrong_with_what_the_document_promises(
    address: str,
    make_key: Callable[..., str],
    results: Results,  # noqa: ARG001 - the hook's arguments
) -> None:
    configured = configuration(make_key(requests_per_minute=1_000_000))
    schema = schemathesis.openapi.from_url(f"{address}/api/openapi.json", config=configured)
    cases: Counter[str] = Counter()
    found: dict[str, str] = {}
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            cases[event.phase.value] += len(event.recorder.cases)
            for case_id, checks in event.recorder.checks.items():
                for check in checks:
                    if check.status == Status.FAILURE:
                        found.setdefault(f"{event.recorder.label} {check.name}", complaint(event, case_id, check))
        elif isinstance(event, events.NonFatalError):
            found.setdefault(f"{event.label} {event.value}", str(event.info))
        elif isinstance(event, events.FatalError):
            raise event.exception

    print(dict(cases))
    assert not found, "\n\n".join(found.values())
    assert sum(cases.values()) >= FEWEST_CASES
    assert set(cases) >= {"coverage", "fuzzing", "stateful"}
