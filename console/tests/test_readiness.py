"""The console's report of all dependencies."""

from __future__ import annotations

import json
import math
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from landfast_runtime import health
from landfast_runtime.health import Unavailable
from landfast_testing.waiting import DEADLINE, wait_until

from console import readiness, report
from tests.conftest import enter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from django.contrib.auth.models import User
    from pytest_django import DjangoAssertNumQueries
    from pytest_django.live_server_helper import LiveServer

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


@pytest.fixture
def stranger() -> Client:
    """A visitor whose request Nginx forwards."""
    return Client(REMOTE_ADDR="172.20.0.3", HTTP_X_FORWARDED_FOR="192.0.2.7")


def test_it_tells_strangers_names_and_no_reason(stranger: Client, answers: dict[str, Exception | None]) -> None:
    answers["postgres"] = ConnectionError("connection to 10.0.3.4 as role console failed")
    response = stranger.get("/readyz")

    assert response.status_code == 503
    assert response.json() == {
        "status": "unavailable",
        "failing": ["postgres"],
        "warnings": [],
        "attention": [],
        "dependencies": {name: {"ok": name != "postgres"} for name in answers},
    }
    page = stranger.get("/console/readiness/").content.decode()
    assert "postgres" in page
    assert "10.0.3.4" not in page


def test_it_tells_strangers_that_tasks_wait_for_a_person(stranger: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    details = {"outbox": {"dead": 3, "pending": 1}, "outbox-shop": {"dead": 0, "retried_after_TimeoutError": 2}}
    checks = {name: partial(details.get, name) for name in (*details, "redis")}
    monkeypatch.setattr(readiness, "checks", lambda: checks)
    readiness.shared_report.forget()
    response = stranger.get("/readyz")
    readiness.shared_report.forget()

    assert response.json()["attention"] == ["outbox", "outbox-shop"]
    assert "dead" not in response.text


def test_it_tells_operators_the_reasons(
    stranger: Client, answers: dict[str, Exception | None], make_user: Callable[..., User]
) -> None:
    answers["redis"] = ConnectionRefusedError("connection refused")
    user = make_user()
    enter(stranger, user)
    assert "refused" not in stranger.get("/readyz").text, "an account is not enough"
    user.is_staff = True
    user.save()
    enter(stranger, user, "password")
    assert "refused" not in stranger.get("/readyz").text, "nor is a password alone"
    enter(stranger, user)
    assert (
        stranger.get("/readyz").json()["dependencies"]["redis"]["problem"]
        == "ConnectionRefusedError: connection refused"
    )
    assert "connection refused" in stranger.get("/console/readiness/").content.decode()


def test_it_recognizes_nobody_while_the_database_is_away(
    stranger: Client,
    answers: dict[str, Exception | None],
    make_user: Callable[..., User],
    database_outage: Callable[[], AbstractContextManager[None]],
) -> None:
    answers["postgres"] = ConnectionError("no route to 10.0.3.4")
    enter(stranger, make_user(is_staff=True))
    with database_outage():
        response = stranger.get("/readyz")
    assert (response.status_code, response.json()["failing"]) == (503, ["postgres"])
    assert "10.0.3.4" not in response.text


def test_a_visitor_cannot_claim_to_be_in_the_container(answers: dict[str, Exception | None]) -> None:
    answers["redis"] = ConnectionRefusedError("connection refused")
    claims: list[dict[str, Any]] = [{"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, {"REMOTE_ADDR": "172.20.0.9"}]
    for claim in claims:
        assert "refused" not in Client().get("/readyz", **claim).text


def test_the_doctor_reads_the_reasons_in_the_container(
    answers: dict[str, Exception | None],
    live_server: LiveServer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers["redis"] = ConnectionRefusedError("connection refused")
    monkeypatch.setattr(report, "ADDRESS", f"{live_server.url}/readyz")
    report.main()
    assert json.loads(capsys.readouterr().out)["dependencies"]["redis"]["problem"].endswith("connection refused")


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


def test_while_a_dependency_is_silent_the_last_report_is_the_answer_and_the_next_one_is_made_beside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared, release = readiness.SharedReport(), threading.Event()
    unready, ready = health.Report({"redis": health.Result(2500, "no answer")}), health.Report({})

    def made_late() -> tuple[health.Report, float]:
        assert release.wait(DEADLINE)
        return ready, 0.0

    monkeypatch.setattr(readiness, "REPORT_LIFETIME", -1)
    monkeypatch.setattr(readiness, "SLOW_LIFETIME", math.inf)
    monkeypatch.setattr(shared, "_make", lambda: (unready, readiness.SLOW + 1))
    assert shared.get() is unready
    monkeypatch.setattr(shared, "_make", made_late)

    assert [shared.get(), shared.get()] == [unready, unready], "nobody waits for the next report"
    release.set()
    wait_until(lambda: shared.get() is ready, "the next report is there")


def test_a_report_that_fails_fast_is_made_anew_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    shared, made = readiness.SharedReport(), iter([health.Report({"redis": health.Result(2, "refused")})] * 2)
    monkeypatch.setattr(readiness, "REPORT_LIFETIME", -1)
    monkeypatch.setattr(shared, "_make", lambda: (next(made), 0.1))

    assert [shared.get().failing, shared.get().failing] == [["redis"], ["redis"]]
    assert next(made, None) is None


def test_it_asks_a_database_that_is_away_for_no_operator(
    stranger: Client,
    answers: dict[str, Exception | None],
    make_user: Callable[..., User],
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    answers["postgres"] = ConnectionError("no route to 10.0.3.4")
    enter(stranger, make_user(is_staff=True))

    with django_assert_num_queries(0):
        assert stranger.get("/readyz").json()["failing"] == ["postgres"]


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
