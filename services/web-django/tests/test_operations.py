"""What Nginx, Docker and operators ask the service."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from accounts.models import User
from django.contrib.staticfiles.finders import find
from django.core.management import CommandError, call_command
from django.db import OperationalError
from mysite import health
from mysite.management.commands import release
from news.models import Article
from tasks.celery_app import MAIL_QUEUE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

STAFF = "/internal/auth/staff"


def test_it_asks_strangers_to_log_in_first(client: Client, db: None) -> None:  # noqa: ARG001
    response = client.get(STAFF)
    assert response.status_code == 401
    assert "no-store" in response["Cache-Control"]
    assert "Location" not in response


def test_it_keeps_ordinary_users_from_operators_pages(client: Client, make_user: Callable[..., User]) -> None:
    client.force_login(make_user())
    assert client.get(STAFF).status_code == 403


def test_it_lets_staff_pass_with_two_queries(
    client: Client, make_user: Callable[..., User], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(make_user(is_staff=True))
    with django_assert_num_queries(2):  # the session and its user
        response = client.get(STAFF)
    assert response.status_code == 204
    assert "no-store" in response["Cache-Control"]
    assert response.content == b""


def test_it_treats_a_deactivated_operator_as_a_stranger(client: Client, make_user: Callable[..., User]) -> None:
    user = make_user(is_staff=True)
    client.force_login(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.get(STAFF).status_code == 401


def test_it_lives_without_any_dependency(client: Client) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Exception | None]]:
    """Return what each dependency does when asked: answer (None) or fail; readiness asks these instead."""
    found: dict[str, Exception | None] = dict.fromkeys(health.checks())

    def check_of(name: str) -> Callable[[], None]:
        def check() -> None:
            if (failure := found[name]) is not None:
                raise failure

        return check

    monkeypatch.setattr(health, "checks", lambda: {name: check_of(name) for name in found})
    health.shared_report.forget()
    yield found
    health.shared_report.forget()


def test_it_is_ready_when_every_dependency_serves(client: Client, answers: dict[str, Exception | None]) -> None:
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "ready"
    assert list(response.json()["dependencies"]) == list(answers)
    stores, brokers = ["postgres", "redis", "redis-cache"], ["rabbitmq", "worker", "worker-mail", "relay", "outbox"]
    assert list(answers) == [*stores, *brokers, "api-flask"]


def test_it_asks_for_the_worker_of_the_queue_that_letters_go_to() -> None:
    assert health.MAIL_QUEUE == MAIL_QUEUE


def test_it_shows_people_the_report_without_asking_the_database(
    client: Client, answers: dict[str, Exception | None], database_outage: Callable[[], AbstractContextManager[None]]
) -> None:
    with database_outage():
        page = client.get("/lookout/").content.decode()
    assert "Every post serves" in page
    assert all(f"<dt>{name}</dt>" in page for name in answers)
    answers["rabbitmq"] = ConnectionRefusedError("connection <refused>")
    health.shared_report.forget()
    client.cookies["django_language"] = "ru"
    page = client.get("/lookout/").content.decode()
    assert "Не все посты на службе" in page
    assert page.count("не отвечает") == 1
    assert "ConnectionRefusedError: connection &lt;refused&gt;" in page


def test_a_browser_finds_the_icon_where_a_page_names_none(client: Client) -> None:
    response = client.get("/favicon.ico")
    assert response.status_code == 302
    assert find(response["Location"].removeprefix("/static/"))


def test_the_admin_s_page_for_periodic_tasks_has_its_scripts_in_files(admin_client: Client) -> None:
    page = admin_client.get("/admin/django_celery_beat/periodictask/add/").content.decode()
    assert "mysite/crontab.js" in page
    assert not re.search(r"<script(?![^>]*(src=|application/json))", page)


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
    monkeypatch.setattr("mysite.health.time.monotonic", lambda: now)
    assert client.get("/readyz").status_code == 200
    answers["redis"] = ConnectionRefusedError()
    assert client.get("/readyz").status_code == 200
    now += health.REPORT_LIFETIME + 0.1
    assert client.get("/readyz").status_code == 503


def test_it_really_asks_every_dependency(client: Client) -> None:
    health.shared_report.forget()
    response = client.get("/readyz")
    health.shared_report.forget()
    assert response.status_code == 503
    assert response.json()["failing"] == list(health.checks())


@pytest.mark.django_db
def test_it_prepares_a_release_and_changes_nothing_the_second_time() -> None:
    first, second = io.StringIO(), io.StringIO()
    call_command("release", verbosity=0, stdout=first)
    article_count = Article.objects.count()
    call_command("release", verbosity=0, stdout=second)
    assert "administrator admin: made" in first.getvalue()
    assert "administrator admin: there already" in second.getvalue()
    assert "articles made: 0" in second.getvalue()
    assert User.objects.get().is_superuser
    assert Article.objects.count() == article_count > 0


@pytest.mark.django_db
def test_it_says_in_one_line_why_a_release_cannot_be_prepared(
    make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user("admin")
    with pytest.raises(CommandError, match="ADMIN_USER: 'admin' is somebody's ordinary account"):
        call_command("release", verbosity=0)

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(release, "call_command", fail)
    with pytest.raises(CommandError, match="the database does not answer: connection refused"):
        call_command("release", verbosity=0)


def test_it_cannot_be_entered_while_the_database_is_away(
    client: Client, database_outage: Callable[[], AbstractContextManager[None]], make_user: Callable[..., User]
) -> None:
    client.force_login(make_user(is_staff=True))
    with database_outage():
        assert client.get(STAFF).status_code == 503
