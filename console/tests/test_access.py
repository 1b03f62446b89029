"""Only operators have access, and only those with the right to steer change anything."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
from console.access import STEER
from console.roles import READER, ensure_roles, permission
from console.settings import PASSWORD_HASHERS
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from django.test import override_settings
from landfast_outbox.django.roles import OPERATOR
from landfast_runtime.logs import JsonFormatter

from tests.conftest import PASSWORD, enter

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from django.test import Client
    from django.test.client import _MonkeyPatchedWSGIResponse as Response
    from pytest_django import DjangoAssertNumQueries

AUTH = "/internal/auth/operator"
LOGIN = "/console/login/"
SHUTDOWN = "/flower/api/worker/shutdown/celery@web-worker"


def ask(client: Client, method: str = "GET", uri: str = "/flower/", **headers: str) -> Response:
    """Ask for a visitor's request, as Nginx does."""
    named = {"X-Original-Method": method, "X-Original-URI": uri, **headers}
    return client.get(AUTH, headers=named)


@pytest.fixture
def reader(make_operator: Callable[[str, str], User]) -> User:
    """An operator who may read, logged in."""
    return make_operator("rita", READER)


@pytest.fixture
def steerer(make_operator: Callable[[str, str], User]) -> User:
    """An operator who may steer, logged in."""
    return make_operator("stan", OPERATOR)


def test_it_asks_strangers_to_log_in_first(client: Client, db: None) -> None:  # noqa: ARG001 - opens the database
    response = ask(client)
    assert response.status_code == 401
    assert "no-store" in response["Cache-Control"]
    assert "Location" not in response


def test_it_keeps_accounts_without_the_right_from_operators_pages(
    client: Client, make_user: Callable[..., User]
) -> None:
    enter(client, make_user())
    assert ask(client).status_code == 403
    assert client.get("/console/").status_code == 302


def test_it_lets_operators_pass_with_two_queries(
    client: Client, make_user: Callable[..., User], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    enter(client, make_user(is_staff=True, is_superuser=True))
    with django_assert_num_queries(2):  # the session and its user
        response = ask(client)
    assert response.status_code == 204
    assert "no-store" in response["Cache-Control"]
    assert response.content == b""


def test_it_treats_a_deactivated_operator_as_a_stranger(client: Client, make_user: Callable[..., User]) -> None:
    user = make_user(is_staff=True)
    enter(client, user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert ask(client).status_code == 401


def test_it_cannot_be_entered_while_the_database_is_away(
    client: Client, database_outage: Callable[[], AbstractContextManager[None]], make_user: Callable[..., User]
) -> None:
    enter(client, make_user(is_staff=True))
    client.raise_request_exception = False
    with database_outage():
        assert ask(client).status_code == 503
        assert client.get("/console/").status_code == 503
        assert client.post("/console/outbox/task/").status_code == 503


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("/flower/tasks?limit=5&state=FAILURE", "/console/login/?next=/flower/tasks%3Flimit%3D5%26state%3DFAILURE"),
        ("/rabbitmq/", "/console/login/?next=/rabbitmq/"),
    ],
)
def test_it_sends_strangers_to_the_login_and_keeps_where_they_wanted_to_go(
    client: Client, uri: str, location: str
) -> None:
    response = client.get("/internal/login", headers={"X-Original-URI": uri})
    assert (response.status_code, response["Location"]) == (302, location)


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize(
    ("method", "uri"),
    [
        ("GET", "/flower/api/workers?refresh=1"),
        ("HEAD", "/flower/"),
        ("GET", "/rabbitmq/api/queues"),
        ("POST", "/flower/tasks/datatable"),
        ("POST", "/flower/tasks/datatable?draw=1"),
        ("POST", "/flower/vhost/shop/tasks/datatable"),
    ],
)
def test_a_reader_sees_all_pages(client: Client, method: str, uri: str) -> None:
    response = ask(client, method, uri)
    assert (response.status_code, response["X-Operator-Right"]) == (204, "read")


CHANGES = [
    ("POST", SHUTDOWN),
    ("POST", "/flower/vhost/shop/api/worker/pool/grow/celery@shop?n=1"),
    ("POST", "/flower/api/task/revoke/4f?terminate=true"),
    ("POST", "/flower/api/task/send-task/tasks.arithmetic.add"),
    ("POST", "/flower/tasks/datatable/../../api/worker/shutdown/x"),
    ("POST", "/flower/tasks/datatable%2f..%2f"),
    ("POST", "/flower/vhost/a/b/tasks/datatable"),
    ("DELETE", "/rabbitmq/api/queues/landfast/tasks/contents"),
    ("PUT", "/rabbitmq/api/users/mallory"),
    ("POST", "/rabbitmq/api/exchanges/landfast/amq.default/publish"),
    ("POST", "/rabbitmq/api/queues/landfast/tasks/get"),
    ("get", "/flower/"),
    ("BREW", "/flower/"),
    ("", ""),
]


@pytest.mark.usefixtures("reader")
@pytest.mark.parametrize(("method", "uri"), CHANGES)
def test_a_reader_changes_nothing(client: Client, method: str, uri: str) -> None:
    assert ask(client, method, uri).status_code == 403


@pytest.mark.usefixtures("steerer")
@pytest.mark.parametrize(("method", "uri"), CHANGES)
def test_one_with_the_right_steers(client: Client, method: str, uri: str) -> None:
    response = ask(client, method, uri)
    assert (response.status_code, response["X-Operator-Right"]) == (204, "steer")


@pytest.mark.usefixtures("steerer")
def test_a_page_of_another_site_steers_nothing(client: Client) -> None:
    for origin in ("https://shop.example.org", "http://testserver:8443", "null", "http://testserver.evil.example"):
        assert ask(client, "POST", SHUTDOWN, Origin=origin).status_code == 403, origin
    for origin in ("http://testserver", settings.CSRF_TRUSTED_ORIGINS[0]):
        assert ask(client, "POST", SHUTDOWN, Origin=origin).status_code == 204, origin
    assert ask(client, "GET", "/flower/", Origin="https://shop.example.org").status_code == 204


def lines(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    """Return the log lines about steering."""
    formatter = JsonFormatter("console")
    found = [json.loads(formatter.format(record)) for record in caplog.records if record.name == "console.access"]
    return [{key: line.get(key) for key in ("level", "operator", "method", "path", "allowed")} for line in found]


@pytest.mark.usefixtures("steerer")
def test_it_logs_who_steers_what(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    ask(client, "POST", f"{SHUTDOWN}?secret=1")
    ask(client, "GET", "/flower/workers")
    ask(client, "POST", "/flower/tasks/datatable")
    line = {"level": "info", "operator": "stan", "method": "POST", "path": SHUTDOWN, "allowed": True}
    assert lines(caplog) == [line]


@pytest.mark.usefixtures("reader")
def test_it_logs_whom_it_refuses_and_cuts_what_they_sent(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    ask(client, "DELETE" * 20, f"/flower/{'x' * 5000}")
    (line,) = lines(caplog)
    assert (line["level"], line["operator"], line["allowed"]) == ("warning", "rita", False)
    assert (len(line["method"]), len(line["path"])) == (20, 503)


def test_it_logs_changes_in_the_console_itself(
    client: Client, operator: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    client.post("/console/outbox/task/", {"action": "redrive"})
    (line,) = lines(caplog)
    assert (line["operator"], line["path"], line["allowed"]) == (operator.username, "/console/outbox/task/", True)


@pytest.mark.django_db
def test_who_could_steer_before_there_was_a_right_keeps_it(make_user: Callable[..., User]) -> None:
    old, never = make_user("old", is_staff=True), make_user("never")
    assert ensure_roles() == 2
    new = make_user("new", is_staff=True)
    assert ensure_roles() == 0
    found = {user.username: User.objects.get(pk=user.pk).has_perm(STEER) for user in (old, never, new)}
    assert found == {"old": True, "never": False, "new": False}


@pytest.mark.django_db
def test_a_group_keeps_what_administrators_made_of_it() -> None:
    ensure_roles()
    Group.objects.get(name=OPERATOR).permissions.clear()
    Group.objects.get(name=READER).permissions.add(permission("console", "steer"))
    ensure_roles()
    assert not Group.objects.get(name=OPERATOR).permissions.exists()
    assert Group.objects.get(name=READER).permissions.filter(codename="steer").exists()


@pytest.mark.django_db
def test_it_names_a_permission_that_is_missing() -> None:
    with pytest.raises(LookupError, match=r"no permission console\.fly: migrate first"):
        permission("console", "fly")


def test_the_front_page_leads_to_all_that_stands_behind_the_login(client: Client, operator: User) -> None:
    page = client.get("/console/").content.decode()
    places = ("/flower/", "/flower/vhost/shop/", "/rabbitmq/", "/console/readiness/", "/console/outbox/task/")
    for address in (*places, "/console/second-factor/"):
        assert f'href="{address}"' in page, operator.username
    assert ">Flower: shop<" in page
    assert "<style" not in page, "its own policy would refuse it"


def test_nobody_sees_the_secrets_of_factors(client: Client, make_user: Callable[..., User]) -> None:
    enter(client, make_user(is_staff=True, is_superuser=True))
    page = client.get("/console/").content.decode()
    assert "/console/auth/user/" in page
    assert "/console/mfa/" not in page
    assert "/console/account/" not in page
    assert client.get("/console/mfa/authenticator/").status_code == 404


@override_settings(PASSWORD_HASHERS=PASSWORD_HASHERS)  # other tests use a cheaper one
def test_it_stores_passwords_at_the_cost_that_owasp_asks_for() -> None:
    assert PASSWORD_HASHERS == ["landfast_runtime.django.hashers.Argon2"]
    assert "$m=19456,t=2,p=1$" in make_password(PASSWORD)


@pytest.mark.django_db
def test_its_pages_are_kept_by_nobody(client: Client) -> None:
    assert "no-store" in client.get(LOGIN)["Cache-Control"]
