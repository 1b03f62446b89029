"""The console's report of all dependencies."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest
from landfast_runtime.health import Unavailable

from console import readiness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from django.test import Client

HOUSE = ["postgres", "redis", "redis-cache", "rabbitmq", "relay", "outbox"]


def test_it_lives_without_any_dependency(client: Client) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")


def test_it_is_ready_when_every_dependency_serves(client: Client, answers: dict[str, Exception | None]) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "ready"
    assert list(response.json()["dependencies"]) == list(answers) == [*HOUSE, "shop", "shop-worker", "outbox-shop"]


def test_it_names_the_dependency_that_fails(client: Client, answers: dict[str, Exception | None]) -> None:
    answers["rabbitmq"] = ConnectionRefusedError("connection refused")
    response = client.get("/readyz")
    assert response.status_code == 503
    report = response.json()
    assert report["status"] == "unavailable"
    assert report["failing"] == ["rabbitmq"]
    assert report["dependencies"]["rabbitmq"]["problem"] == "ConnectionRefusedError: connection refused"
    assert report["dependencies"]["postgres"]["ok"] is True


def test_it_reports_once_for_all_who_ask_at_the_same_time(
    client: Client, answers: dict[str, Exception | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("console.readiness.time.monotonic", lambda: now)
    assert client.get("/readyz").status_code == 200
    answers["redis"] = ConnectionRefusedError()
    assert client.get("/readyz").status_code == 200
    now += readiness.REPORT_LIFETIME + 0.1
    assert client.get("/readyz").status_code == 503


def test_it_really_asks_every_dependency(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "NGINX_HOST", "127.0.0.1")
    monkeypatch.setattr(readiness, "NGINX_PORT", 1)
    readiness.shared_report.forget()
    response = client.get("/readyz")
    readiness.shared_report.forget()
    assert response.status_code == 503
    assert response.json()["failing"] == list(readiness.checks())


def test_it_shows_people_the_report_without_asking_the_database(
    client: Client, answers: dict[str, Exception | None], database_outage: Callable[[], AbstractContextManager[None]]
) -> None:
    with database_outage():
        page = client.get("/console/readiness/").content.decode()
    assert "All dependencies are ready" in page
    assert all(f'<th scope="row">{name}</th>' in page for name in answers)
    answers["rabbitmq"] = ConnectionRefusedError("connection <refused>")
    readiness.shared_report.forget()
    client.cookies["django_language"] = "ru"
    page = client.get("/console/readiness/").content.decode()
    assert "Не всё, на чём стоит стек, работает" in page
    assert page.count("не отвечает") == 1
    assert "ConnectionRefusedError: connection &lt;refused&gt;" in page


@pytest.fixture
def nginx(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, tuple[int, str]]]:
    """Return Nginx's answers, by path."""
    answered: dict[str, tuple[int, str]] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = answered[self.path]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setattr(readiness, "NGINX_HOST", "127.0.0.1")
        monkeypatch.setattr(readiness, "NGINX_PORT", server.server_address[1])
        yield answered
        server.shutdown()


def test_an_application_serves_when_its_page_answers_or_sends_visitors_on(nginx: dict[str, tuple[int, str]]) -> None:
    for status in (200, 204, 302):
        nginx["/shop"] = status, ""
        readiness.check_through_nginx("shop")


def test_it_says_how_an_application_fails(nginx: dict[str, tuple[int, str]]) -> None:
    nginx["/shop"] = 503, "no answer: the service does not run"
    with pytest.raises(Unavailable, match="/shop answered 503: no answer: the service does not run"):
        readiness.check_through_nginx("shop")


def test_it_says_that_nginx_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "NGINX_HOST", "127.0.0.1")
    monkeypatch.setattr(readiness, "NGINX_PORT", 1)
    with pytest.raises(Unavailable, match="cannot be checked, Nginx fails: ConnectionRefusedError"):
        readiness.check_through_nginx("shop")
