"""Only operators have access."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User
from landfast_outbox.django.roles import OPERATOR, ensure_role

from tests.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from django.test import Client
    from pytest_django import DjangoAssertNumQueries

AUTH = "/internal/auth/operator"
LOGIN = "/console/login/"


def test_it_asks_strangers_to_log_in_first(client: Client, db: None) -> None:  # noqa: ARG001 - opens the database
    response = client.get(AUTH)
    assert response.status_code == 401
    assert "no-store" in response["Cache-Control"]
    assert "Location" not in response


def test_it_keeps_accounts_without_the_right_from_operators_pages(
    client: Client, make_user: Callable[..., User]
) -> None:
    client.force_login(make_user())
    assert client.get(AUTH).status_code == 403
    assert client.get("/console/").status_code == 302


def test_it_lets_operators_pass_with_two_queries(
    client: Client, make_user: Callable[..., User], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client.force_login(make_user(is_staff=True))
    with django_assert_num_queries(2):  # the session and its user
        response = client.get(AUTH)
    assert response.status_code == 204
    assert "no-store" in response["Cache-Control"]
    assert response.content == b""


def test_it_treats_a_deactivated_operator_as_a_stranger(client: Client, make_user: Callable[..., User]) -> None:
    user = make_user(is_staff=True)
    client.force_login(user)
    User.objects.filter(pk=user.pk).update(is_active=False)
    assert client.get(AUTH).status_code == 401


def test_it_cannot_be_entered_while_the_database_is_away(
    client: Client, database_outage: Callable[[], AbstractContextManager[None]], make_user: Callable[..., User]
) -> None:
    client.force_login(make_user(is_staff=True))
    client.raise_request_exception = False
    with database_outage():
        assert client.get(AUTH).status_code == 503
        assert client.get("/console/").status_code == 503


def test_a_login_leads_back_to_where_it_was_asked_for(client: Client, make_user: Callable[..., User]) -> None:
    make_user(is_staff=True)
    form = {"username": "ada", "password": PASSWORD}
    assert client.post(f"{LOGIN}?next=/flower/", form)["Location"] == "/flower/"
    assert client.post(f"{LOGIN}?next=https://evil.example/", form)["Location"] == "/console/"


def test_five_wrong_passwords_lock_the_login(client: Client, make_user: Callable[..., User]) -> None:
    make_user(is_staff=True)
    for _ in range(5):
        client.post(LOGIN, {"username": "ada", "password": "wrong"})
    locked = client.post(LOGIN, {"username": "ada", "password": PASSWORD})
    assert locked.status_code == 429
    assert "locked for a while" in locked.content.decode()


def test_its_cookies_are_none_of_an_application_s(client: Client, make_user: Callable[..., User]) -> None:
    make_user(is_staff=True)
    client.get(LOGIN)
    client.post(LOGIN, {"username": "ada", "password": PASSWORD})
    assert set(client.cookies) >= {"console_session", "console_csrf"}
    assert not {"sessionid", "csrftoken"} & set(client.cookies)
    assert client.cookies["console_session"]["httponly"]


def test_the_front_page_leads_to_all_that_stands_behind_the_login(
    client: Client, make_user: Callable[..., User]
) -> None:
    ensure_role()
    user = make_user(is_staff=True)
    user.groups.add(Group.objects.get(name=OPERATOR))
    client.force_login(user)
    page = client.get("/console/").content.decode()
    for address in ("/flower/", "/flower/vhost/shop/", "/rabbitmq/", "/console/readiness/", "/console/outbox/task/"):
        assert f'href="{address}"' in page
    assert ">Flower: shop<" in page
    assert "<style" not in page, "its own policy would refuse it"


def test_it_stores_passwords_at_the_cost_that_owasp_asks_for() -> None:
    assert settings.PASSWORD_HASHERS == ["landfast_runtime.django.hashers.Argon2"]
    assert "$m=19456,t=2,p=1$" in make_password(PASSWORD)


@pytest.mark.django_db
def test_its_pages_are_kept_by_nobody(client: Client) -> None:
    assert "no-store" in client.get(LOGIN)["Cache-Control"]
