from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from api import app as factory
from api.app import create_app
from api.health import dependency_checks

if TYPE_CHECKING:
    from api.config import Settings
    from flask.testing import FlaskClient
    from landfast_runtime.health import Check


def serve() -> None:
    """A check of a dependency that serves."""


def break_down() -> None:
    """A check of a dependency that does not serve."""
    raise ConnectionRefusedError("nobody listens")


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> dict[str, Check]:
    checks: dict[str, Check] = {"postgres": serve, "redis": serve}
    monkeypatch.setattr(factory, "dependency_checks", lambda _settings: checks)
    return checks


def test_it_lives_without_any_dependency(client: FlaskClient) -> None:
    response = client.get("/healthz")

    assert (response.status_code, response.get_json()) == (200, {"status": "ok"})


def test_it_is_ready_when_every_dependency_serves(settings: Settings, checks: dict[str, Check]) -> None:
    response = create_app(settings).test_client().get("/readyz")

    assert response.status_code == 200
    assert response.get_json()["status"] == "ready"
    assert set(response.get_json()["dependencies"]) == set(checks)


@pytest.mark.parametrize("name", ["postgres", "redis"])
def test_it_names_the_dependency_that_does_not_serve(settings: Settings, checks: dict[str, Check], name: str) -> None:
    checks[name] = break_down
    response = create_app(settings).test_client().get("/readyz")

    assert response.status_code == 503
    document = response.get_json()
    assert (document["status"], document["failing"]) == ("unavailable", [name])
    assert document["dependencies"][name]["problem"] == "ConnectionRefusedError: nobody listens"


def test_it_asks_the_services_themselves(client: FlaskClient, settings: Settings) -> None:
    response = client.get("/readyz")

    assert response.status_code == 503
    assert set(response.get_json()["failing"]) == set(dependency_checks(settings)) == {"postgres", "redis"}
