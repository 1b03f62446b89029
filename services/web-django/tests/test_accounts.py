"""Registration, login and logout."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from accounts.administrators import ensure_administrator
from accounts.models import User
from django.db import IntegrityError, transaction

from tests.conftest import PASSWORD, Letters

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

REGISTER, LOGIN, PROFILE = "/accounts/register/", "/accounts/login/", "/accounts/profile/"
FORM = {"username": "ada", "email": "ada@example.org", "password1": PASSWORD, "password2": PASSWORD}


@pytest.mark.django_db
def test_it_registers_logs_in_and_sends_the_welcome_mail(client: Client, letters: Letters) -> None:
    response = client.post(REGISTER, FORM, follow=True)
    assert response.redirect_chain == [(PROFILE, 302)]
    page = response.content.decode()
    assert "Welcome aboard" in page
    assert "ada@example.org" in page
    user = User.objects.get()
    assert user.password.startswith("argon2$argon2id$")
    assert not user.is_staff
    assert user.language == "en"
    assert not user.is_verified
    assert letters == [("send_welcome", user.pk)]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "form", "focused"),
    [
        (REGISTER, FORM | {"email": "ada"}, "email"),
        (REGISTER, FORM | {"password2": "something-else"}, "password2"),
        (REGISTER, FORM | {"username": "a b", "email": "ada"}, "username"),
        (LOGIN, {"username": "ada", "password": ""}, "password"),
        (LOGIN, {"username": "ada", "password": "wrong-and-long"}, "username"),  # not disclosing which is wrong
        ("/accounts/password/reset/", {"email": "ada"}, "email"),
    ],
)
def test_the_first_wrong_field_gets_the_focus(client: Client, address: str, form: dict[str, str], focused: str) -> None:
    page = client.post(address, form).content.decode()
    fields = [field for field in re.findall(r"<input[^>]*>", page) if " autofocus" in field]
    assert [re.findall(r' name="(\w+)"', field) for field in fields] == [[focused]]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"username": ""}, "username"),
        ({"username": "ada lovelace"}, "username"),
        ({"email": "ada"}, "email"),
        ({"password1": "kurz", "password2": "kurz"}, "password2"),
        ({"password1": "password1234", "password2": "password1234"}, "password2"),
        ({"password2": "something-else-entirely"}, "password2"),
        ({"username": "ADA-TAKEN"}, "username"),
        ({"email": "Taken@Example.org"}, "email"),
    ],
)
def test_it_says_beside_the_field_what_is_wrong(
    client: Client,
    letters: Letters,
    make_user: Callable[..., User],
    change: dict[str, str],
    field: str,
) -> None:
    make_user("ada-taken", email="taken@example.org")
    response = client.post(REGISTER, FORM | change)
    assert response.status_code == 200
    assert field in response.context["form"].errors
    assert f'id="id_{field}_error"' in response.content.decode()
    assert User.objects.count() == 1
    assert letters == []


@pytest.mark.django_db
def test_it_saves_nothing_and_says_so_when_nobody_takes_letters(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        assert User.objects.count() == 1
        raise ConnectionError("nobody takes it")

    monkeypatch.setattr("accounts.tasks.send_welcome.delay", refuse)
    response = client.post(REGISTER, FORM)
    page = response.content.decode()
    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert "nothing was saved" in page
    assert 'value="ada@example.org"' in page
    assert PASSWORD not in page
    assert User.objects.count() == 0
    assert "_auth_user_id" not in client.session


@pytest.mark.django_db(transaction=True)
def test_it_survives_two_registrations_of_the_same_name_at_once(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose_the_race(*_: int) -> None:
        raise IntegrityError("duplicate key")

    monkeypatch.setattr("accounts.tasks.send_welcome.delay", lose_the_race)
    response = client.post(REGISTER, FORM)
    assert response.status_code == 200
    assert "a moment ago" in response.content.decode()


@pytest.mark.django_db
def test_it_refuses_a_second_address_in_other_case_even_below_the_form(make_user: Callable[..., User]) -> None:
    make_user("ada")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_user("bob", email="ADA@EXAMPLE.ORG")
    with pytest.raises(IntegrityError), transaction.atomic():
        make_user("ADA", email="other@example.org")


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["ada", "Ada"])
def test_it_logs_in_whatever_the_case_of_the_name(client: Client, make_user: Callable[..., User], name: str) -> None:
    make_user("ada")
    response = client.post(LOGIN, {"username": name, "password": PASSWORD})
    assert response["Location"] == PROFILE
    assert client.get(PROFILE).status_code == 200


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("/flower/", "/flower/"),
        ("https://elsewhere.example/", PROFILE),
        ("//elsewhere.example/", PROFILE),
        ("javascript:alert(1)", PROFILE),
    ],
)
def test_it_follows_next_only_within_the_site(
    client: Client, make_user: Callable[..., User], target: str, expected: str
) -> None:
    make_user("ada")
    response = client.post(LOGIN, {"username": "ada", "password": PASSWORD, "next": target})
    assert response["Location"] == expected


@pytest.mark.django_db
def test_it_keeps_next_in_the_login_form(client: Client) -> None:
    assert '<input type="hidden" name="next" value="/flower/">' in client.get(f"{LOGIN}?next=/flower/").content.decode()


@pytest.mark.django_db
def test_it_does_not_tell_whether_name_or_password_was_wrong(client: Client, make_user: Callable[..., User]) -> None:
    make_user("ada")
    for_user, for_nobody = (
        client.post(LOGIN, {"username": name, "password": "wrong"}).context["form"].non_field_errors().as_text()
        for name in ("ada", "nobody")
    )
    assert for_user == for_nobody
    assert "correct username and password" in for_user


@pytest.mark.django_db
def test_it_logs_out_only_by_post(client: Client, make_user: Callable[..., User]) -> None:
    client.force_login(make_user("ada"))
    assert client.get("/accounts/logout/").status_code == 405
    assert client.get(PROFILE).status_code == 200
    assert client.post("/accounts/logout/")["Location"] == "/"
    assert client.get(PROFILE)["Location"] == f"{LOGIN}?next={PROFILE}"


@pytest.mark.django_db
def test_it_makes_the_administrator_once() -> None:
    assert ensure_administrator("admin", "admin@localhost", PASSWORD)
    admin = User.objects.get()
    assert admin.is_staff
    assert admin.is_superuser
    admin.set_password("changed-by-its-owner")
    admin.save()
    assert not ensure_administrator("admin", "admin@localhost", PASSWORD)
    assert User.objects.get().check_password("changed-by-its-owner")


@pytest.mark.django_db
@pytest.mark.parametrize(("username", "email"), [("admin", "other@example.org"), ("root", "admin@example.org")])
def test_it_never_promotes_an_ordinary_user(make_user: Callable[..., User], username: str, email: str) -> None:
    make_user("admin")
    with pytest.raises(ValueError, match=r"^ADMIN_(USER|EMAIL): "):
        ensure_administrator(username, email, PASSWORD)
    assert not User.objects.filter(is_superuser=True).exists()
