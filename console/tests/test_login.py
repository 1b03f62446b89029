"""The login: password, second factor, session, and the limits on guesses."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib.auth.hashers import check_password
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from landfast_runtime.django.hashers import Argon2

from console import attempts
from tests import totp
from tests.conftest import PASSWORD, enter

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test.client import _MonkeyPatchedWSGIResponse as Response
    from pytest_django import Settings

LOGIN, FACTOR = "/console/login/", "/console/second-factor/"
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"

#: As allauth notes a new factor only once the transaction is over.
committed = pytest.mark.django_db(transaction=True)


@pytest.fixture
def ada(make_user: Callable[..., User]) -> User:
    """An operator without a second factor."""
    return make_user("ada", is_staff=True, is_superuser=True)


@pytest.fixture
def olga(make_user: Callable[..., User]) -> User:
    """An operator with an authenticator app."""
    user = make_user("olga", is_staff=True, is_superuser=True)
    TOTP.activate(user, SECRET)
    return user


def log_in(
    client: Client, username: str = "ada", password: str = PASSWORD, headers: dict[str, str] | None = None
) -> Response:
    """Send the form of the login page."""
    return client.post(LOGIN, {"login": username, "password": password}, headers=headers)


def show(client: Client, code: str) -> Response:
    """Send the form for the code."""
    return client.post(f"{FACTOR}authenticate/", {"code": code})


def passes(client: Client) -> bool:
    """Return whether Nginx would let the visitor pass."""
    return client.get("/internal/auth/operator", headers={"X-Original-Method": "GET"}).status_code == 204


@pytest.mark.usefixtures("ada")
def test_a_login_leads_back_to_where_it_was_asked_for(client: Client, settings: Settings) -> None:
    settings.SECOND_FACTOR_IS_REQUIRED = False
    form = {"login": "ada", "password": PASSWORD}
    assert client.post(f"{LOGIN}?next=/flower/", form)["Location"] == "/flower/"
    assert passes(client)
    assert Client().post(f"{LOGIN}?next=https://evil.example/", form)["Location"] == "/console/"


@pytest.mark.usefixtures("ada")
def test_without_a_required_factor_it_opens_nothing_but_the_page_that_adds_one(client: Client) -> None:
    log_in(client)
    assert not passes(client)
    for page in ("/console/", "/console/outbox/task/", f"{LOGIN}?next=/flower/", f"{FACTOR}recovery-codes/"):
        assert client.get(page)["Location"] == FACTOR
    index = client.get(FACTOR)
    assert index.status_code == 200
    assert "Operators of this stack need a second factor" in index.content.decode()
    assert client.get("/console/readiness/").status_code in {200, 503}


@committed
@pytest.mark.usefixtures("ada")
def test_who_adds_a_factor_may_pass_and_sees_recovery_codes_once(client: Client) -> None:
    log_in(client)
    form = client.get(f"{FACTOR}totp/activate/").content.decode()
    assert "data:image/svg+xml" in form
    secret = re.search(r'value="([A-Z2-7]{32})"', form)
    assert secret
    done = client.post(f"{FACTOR}totp/activate/", {"code": totp.code(secret[1])})
    assert done["Location"] == f"{FACTOR}recovery-codes/"
    assert passes(client)
    codes = re.findall(r"\b\d{8}\b", client.get(f"{FACTOR}recovery-codes/").content.decode())
    assert len(codes) == 10
    assert not re.findall(r"\b\d{8}\b", client.get(f"{FACTOR}recovery-codes/").content.decode())

    other = Client()
    log_in(other)
    assert show(other, codes[0])["Location"] == "/console/"
    assert passes(other)
    again = Client()
    log_in(again)
    assert show(again, codes[0]).status_code == 200
    assert not passes(again)


def test_a_password_alone_is_not_enough_for_who_has_a_factor(client: Client, olga: User) -> None:
    assert log_in(client, olga.username)["Location"] == f"{FACTOR}authenticate/"
    assert not passes(client)
    assert client.get("/console/").status_code == 302
    assert client.get(f"{FACTOR}totp/activate/").status_code == 302
    assert show(client, "000000").status_code == 200
    assert not passes(client)
    assert show(client, totp.code(SECRET))["Location"] == "/console/"
    assert passes(client)


def test_a_code_serves_once(client: Client, olga: User) -> None:
    used = totp.code(SECRET)
    log_in(client, olga.username)
    show(client, used)
    other = Client()
    log_in(other, olga.username)
    assert show(other, used).status_code == 200
    assert not passes(other)


def test_few_codes_are_checked(client: Client, olga: User) -> None:
    log_in(client, olga.username)
    for _ in range(attempts.OF_ACCOUNT):
        show(client, "000000")
    assert "Too many failed" in show(client, totp.code(SECRET)).content.decode()
    assert not passes(client)


def test_a_session_of_before_the_factor_is_over(client: Client, olga: User) -> None:
    enter(client, olga, "password")
    assert not passes(client)
    assert client.get("/console/")["Location"].startswith(LOGIN)
    assert client.get(f"{FACTOR}webauthn/add/").status_code == 302, "no second one for who shows the password alone"


def test_a_session_of_a_release_without_factors_is_over(client: Client, ada: User, settings: Settings) -> None:
    settings.SECOND_FACTOR_IS_REQUIRED = False
    client.force_login(ada)
    assert not passes(client)
    assert client.get(LOGIN).status_code == 200, "no redirect to the page that sent the visitor here"


def test_a_session_ends_some_time_after_its_login(client: Client, olga: User, settings: Settings) -> None:
    enter(client, olga, age=settings.SESSION_COOKIE_AGE - 60)
    assert passes(client)
    enter(client, olga, age=settings.SESSION_COOKIE_AGE + 1)
    assert not passes(client)
    assert settings.SESSION_COOKIE_AGE <= 4 * 3600


def test_a_logout_ends_the_session_for_every_copy_of_its_cookie(client: Client, olga: User) -> None:
    enter(client, olga)
    copy = Client()
    copy.cookies["console_session"] = client.cookies["console_session"].value
    assert passes(copy)
    assert client.post("/console/logout/")["Location"] == LOGIN
    assert not passes(client)
    assert not passes(copy)


def test_a_login_gets_a_session_of_its_own(client: Client, olga: User) -> None:
    log_in(client, olga.username)
    before = client.cookies["console_session"].value
    show(client, totp.code(SECRET))
    assert client.cookies["console_session"].value != before


def test_the_last_factor_stays_where_one_is_required(client: Client, olga: User, settings: Settings) -> None:
    enter(client, olga)
    client.post(f"{FACTOR}totp/deactivate/")
    assert Authenticator.objects.filter(user=olga).exists()
    settings.SECOND_FACTOR_IS_REQUIRED = False
    client.post(f"{FACTOR}totp/deactivate/")
    assert not Authenticator.objects.filter(user=olga).exists()


def test_a_change_of_factors_needs_a_fresh_login_and_reading_does_not(client: Client, olga: User) -> None:
    enter(client, olga, age=600)
    assert client.get(f"{FACTOR}webauthn/add/")["Location"].startswith("/console/reauthenticate/")
    assert client.get("/console/").status_code == 200
    client.post("/console/reauthenticate/", {"password": PASSWORD})
    assert client.get(f"{FACTOR}webauthn/add/").status_code == 200


def test_a_lost_factor_is_reset_and_all_sessions_end(
    client: Client, olga: User, ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    other = Client()
    enter(client, olga)
    enter(other, ada)
    call_command("reset_second_factor", olga.username)
    assert "operator olga: 1 second factors removed, all sessions ended" in capsys.readouterr().out
    assert not passes(client)
    assert passes(other)
    assert log_in(client, olga.username)["Location"] == "/console/"
    assert client.get("/console/")["Location"] == FACTOR


@pytest.mark.usefixtures("ada")
def test_a_reset_names_the_operators_there_are() -> None:
    with pytest.raises(CommandError, match="there is no operator 'adda'; there are: ada"):
        call_command("reset_second_factor", "adda")


@pytest.mark.parametrize("page", ["signup/", "password/reset/", "email/", "second-factor/webauthn/login/"])
@pytest.mark.django_db
def test_nobody_registers_or_gets_in_without_a_password(client: Client, page: str) -> None:
    response = client.get(f"/console/{page}")
    assert response.status_code in {302, 404}
    assert response.headers.get("Location", LOGIN).startswith(LOGIN)


def test_its_cookies_are_none_of_an_application_s(client: Client, olga: User) -> None:
    client.get(LOGIN)
    log_in(client, olga.username)
    show(client, totp.code(SECRET))
    assert set(client.cookies) == {"console_session", "console_csrf", "console_device"}
    assert all(cookie["httponly"] for cookie in client.cookies.values())
    assert client.cookies["console_device"]["path"] == "/console/"


# --- limits on guesses -----------------------------------------------------------------------------------------------


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the passwords that were hashed."""
    found: list[str] = []
    verify, encode = Argon2.verify, Argon2.encode

    def noting_verify(self: Argon2, password: str, encoded: str) -> bool:
        found.append(password)
        return bool(verify(self, password, encoded))

    def noting_encode(self: Argon2, password: str, salt: str) -> str:
        found.append(password)
        return str(encode(self, password, salt))

    monkeypatch.setattr(Argon2, "verify", noting_verify)
    monkeypatch.setattr(Argon2, "encode", noting_encode)
    return found


def address(number: int) -> dict[str, str]:
    """Return the header by which Nginx tells of an address."""
    return {"X-Forwarded-For": f"192.0.2.{number}"}


def test_five_wrong_passwords_lock_the_account_from_every_address(ada: User, hashed: list[str]) -> None:
    for number in range(attempts.OF_ACCOUNT):
        assert log_in(Client(), password="wrong", headers=address(number)).status_code == 200
    hashed.clear()
    locked = log_in(Client(), headers=address(99))
    assert locked.status_code == 429
    assert "locked for a while" in locked.content.decode()
    assert locked["Retry-After"] == "900"
    assert not hashed, ada.username


@pytest.mark.parametrize("typed", ["vIctim", "vıctim", "victim ", "VICTIM", "ｖictim"])  # noqa: RUF001 - the attack
def test_another_spelling_neither_logs_in_nor_opens_a_lock(make_user: Callable[..., User], typed: str) -> None:
    make_user("victim", is_staff=True)
    for _ in range(attempts.OF_ACCOUNT):
        log_in(Client(), "victim", "wrong")
    log_in(Client(), typed)
    assert log_in(Client(), "victim").status_code == 429


@pytest.mark.usefixtures("ada")
def test_guesses_at_many_names_from_one_address_are_limited(hashed: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "OF_ADDRESS", 4)
    for number in range(attempts.OF_ADDRESS):
        assert log_in(Client(), f"name{number}", "wrong", headers=address(1)).status_code == 200
    hashed.clear()
    assert log_in(Client(), "ada", headers=address(1)).status_code == 429
    assert not hashed
    assert log_in(Client(), "ada", headers=address(2)).status_code == 302


@pytest.mark.usefixtures("ada")
def test_guesses_from_many_addresses_at_many_names_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "OF_ALL", 4)
    for number in range(4):
        assert log_in(Client(), f"name{number}", "wrong", headers=address(number)).status_code == 200
    assert log_in(Client(), "nobody", "wrong", headers=address(99)).status_code == 429


def test_an_attack_does_not_lock_out_an_operator_in_their_own_browser(
    client: Client, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(client, olga.username)
    show(client, totp.code(SECRET))
    client.post("/console/logout/")
    monkeypatch.setattr(attempts, "OF_ALL", 6)
    for number in range(10):
        log_in(Client(), olga.username, "wrong", headers=address(number))
    assert log_in(Client(), olga.username, headers=address(99)).status_code == 429
    assert log_in(client, olga.username).status_code == 302


def test_a_known_browser_has_a_limit_too_and_is_known_for_its_account_alone(
    client: Client, olga: User, ada: User
) -> None:
    log_in(client, olga.username)
    show(client, totp.code(SECRET))
    client.post("/console/logout/")
    for _ in range(attempts.OF_ACCOUNT):
        assert log_in(client, ada.username, "wrong").status_code == 200
    assert log_in(client, ada.username).status_code == 429
    for _ in range(attempts.OF_DEVICE):
        assert log_in(client, olga.username, "wrong").status_code == 200
    assert log_in(client, olga.username).status_code == 429


def test_a_browser_is_unknown_after_a_new_password_and_its_logins_count_together(client: Client, olga: User) -> None:
    log_in(client, olga.username)
    show(client, totp.code(SECRET))
    client.post("/console/logout/")
    known = client.cookies[attempts.COOKIE].value
    log_in(client, olga.username)
    show(client, totp.code(SECRET, 1))
    assert client.cookies[attempts.COOKIE].value == known
    client.post("/console/logout/")

    olga.set_password("twelve-tame-herons")
    olga.save()
    for _ in range(attempts.OF_ACCOUNT):
        assert log_in(client, olga.username).status_code == 200
    assert log_in(client, olga.username, "twelve-tame-herons").status_code == 429


@pytest.mark.usefixtures("ada")
def test_a_forged_cookie_makes_no_browser_known(client: Client) -> None:
    client.cookies[attempts.COOKIE] = f"{User.objects.get().pk}:0123456789abcdef:forged"
    for _ in range(attempts.OF_ACCOUNT):
        log_in(client, password="wrong")
    assert log_in(client).status_code == 429


@pytest.mark.usefixtures("ada")
def test_right_passwords_use_no_limit_up() -> None:
    for number in range(attempts.OF_ACCOUNT + 2):
        assert log_in(Client(), headers=address(1)).status_code == 302, number


@pytest.mark.usefixtures("ada")
def test_failures_are_forgotten_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(attempts.OF_ACCOUNT):
        log_in(Client(), password="wrong")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + attempts.WINDOW + 1)
    assert log_in(Client()).status_code == 302
    assert not len(attempts.failures)


@pytest.mark.usefixtures("ada")
def test_few_passwords_are_hashed_at_once(monkeypatch: pytest.MonkeyPatch, hashed: list[str]) -> None:
    monkeypatch.setattr(attempts, "PATIENCE", 0.01)
    monkeypatch.setattr(attempts, "hashing", threading.BoundedSemaphore(1))
    with attempts.hashing:
        assert log_in(Client()).status_code == 429
    assert not hashed
    assert log_in(Client()).status_code == 302


def test_a_password_is_checked_against_the_hash(ada: User) -> None:
    assert check_password(PASSWORD, ada.password)
