from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest
from flask import request
from landfast_runtime.logs import request_id

if TYPE_CHECKING:
    from flask import Flask
    from flask.testing import FlaskClient


def test_it_answers_a_ping(client: FlaskClient) -> None:
    response = client.get("/api/v1/ping")

    assert (response.status_code, response.get_json()) == (200, {"pong": True})


@pytest.mark.parametrize("path", ["/api/", "/api/v1/", "/api", "/api/v1"])
def test_it_tells_at_its_front_door_what_there_is(client: FlaskClient, path: str) -> None:
    response = client.get(path)

    assert response.status_code == 200
    assert response.get_json()["links"] == {
        "add": "/api/v1/tasks/add",
        "datasets": "/api/v1/datasets/",
        "docs": "/api/docs",
        "labels": "/api/v1/labels",
        "openapi": "/api/openapi.json",
        "ping": "/api/v1/ping",
        "reports": "/api/v1/reports/",
        "units": "/api/v1/units",
    }


def test_it_echoes_the_request_id(client: FlaskClient) -> None:
    response = client.get("/api/v1/ping", headers={"X-Request-ID": "request-0001"})

    assert response.headers["X-Request-ID"] == "request-0001"
    assert request_id.get() is None


@pytest.mark.parametrize("unsafe", ["", "short", "a b c d e f g h", "x" * 65, '{"forged": 1}'])
def test_it_replaces_a_request_id_that_is_not_safe_to_log(client: FlaskClient, unsafe: str) -> None:
    answered = client.get("/api/v1/ping", headers={"X-Request-ID": unsafe}).headers["X-Request-ID"]

    assert answered != unsafe
    assert len(answered) == 32


def test_it_echoes_the_request_id_with_an_error(client: FlaskClient) -> None:
    response = client.get("/nowhere", headers={"X-Request-ID": "request-0001"})

    assert (response.status_code, response.headers["X-Request-ID"]) == (404, "request-0001")


def test_it_logs_one_line_for_a_request(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client.get("/api/openapi.json?secret=1")

    [record] = [vars(record) for record in caplog.records]
    assert (record["method"], record["path"], record["status"]) == ("GET", "/api/openapi.json", 200)
    assert record["milliseconds"] >= 0


def test_it_does_not_log_health_checks(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    client.get("/healthz")

    assert caplog.records == []


@pytest.mark.parametrize(
    ("method", "path", "status", "title"),
    [
        ("GET", "/", 404, "Not Found"),
        ("GET", "/api/v1/nowhere", 404, "Not Found"),
        ("GET", "/api/v1/tasks/add", 405, "Method Not Allowed"),
        ("DELETE", "/api/v1/ping", 405, "Method Not Allowed"),
    ],
)
def test_its_errors_are_problem_documents(client: FlaskClient, method: str, path: str, status: int, title: str) -> None:
    response = client.open(path, method=method)

    assert (response.status_code, response.mimetype) == (status, "application/problem+json")
    assert response.get_json()["title"] == title
    assert response.get_json()["detail"]


def test_it_says_which_methods_are_allowed(client: FlaskClient) -> None:
    response = client.get("/api/v1/tasks/add")

    assert response.allow is not None
    assert set(response.allow) == {"OPTIONS", "POST"}


def test_it_hides_the_cause_of_an_unexpected_error_but_logs_it(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> str:
        raise ValueError("the password is hunter2")

    app.add_url_rule("/fail", view_func=fail)
    response = app.test_client().get("/fail")

    assert (response.status_code, response.mimetype) == (500, "application/problem+json")
    assert response.get_json()["title"] == "Internal Server Error"
    assert "hunter2" not in response.text
    assert "hunter2" in caplog.text


def test_the_visitor_s_address_and_scheme_are_those_that_nginx_tells(app: Flask) -> None:
    with app.test_client() as client:
        client.get("/api/v1/ping", headers={"X-Forwarded-For": "192.0.2.7", "X-Forwarded-Proto": "https"})
        assert (request.remote_addr, request.scheme) == ("192.0.2.7", "https")

        client.get("/api/v1/ping", headers={"X-Forwarded-For": "198.51.100.1, 192.0.2.7"})
        assert request.remote_addr == "192.0.2.7", "only the last one is Nginx's"
