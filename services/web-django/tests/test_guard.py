"""Attacks on passwords: names written otherwise, many names, many addresses, and the cost of a flood of logins."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest
from accounts import guard, hashing
from accounts.guard import ACCOUNT_FAILURES, ALL_FAILURES, ATTEMPTS, FAILURES, FAILURES_UNDER_ATTACK, OWN_PASSWORD
from accounts.links import password_reset_link
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.hashers import check_password, make_password
from django.core.cache import cache
from django.test import Client, RequestFactory
from django.utils import timezone
from landfast_testing.waiting import wait_until
from quotas.models import Allowance
from quotas.rates import ExceededError, Rate, give_back, remove_expired, take
from quotas.visitors import mailbox, network

from tests.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User
    from django.http import HttpResponse

pytestmark = pytest.mark.django_db

LOGIN, ADMIN, TOKEN = "/accounts/login/", "/admin/login/", "/rest/token/"
HOME, AWAY = "198.51.100.7", "203.0.113.9"
HERONS = {"new_password1": "twelve-shy-herons", "new_password2": "twelve-shy-herons"}


def log_in(name: str, password: str, address: str = HOME, path: str = LOGIN, client: Client | None = None) -> Any:  # noqa: ANN401 - a test client's
    """Try to log in on a page, or by the REST interface."""
    options: dict[str, Any] = {"content_type": "application/json"} if path == TOKEN else {}
    browser = client or Client()
    cache.clear()  # the REST interface's rate limit in the cache is another one
    return browser.post(path, {"username": name, "password": password}, headers={"X-Forwarded-For": address}, **options)


def use_up(rate: Rate, subject: str = "") -> None:
    for _ in range(rate.count):
        take([(rate, subject)])


@pytest.fixture(autouse=True)
def nothing_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A used up rate admits nothing more while a test lasts, however long that is on a busy machine."""
    real = Rate.values

    def slow(rate: Rate, subject: str) -> dict[str, str | float]:
        return real(replace(rate, within=1000 * rate.within), subject)

    monkeypatch.setattr(Rate, "values", slow)


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the passwords that were hashed or compared."""
    seen: list[str] = []
    for method in ("encode", "verify"):
        real = getattr(hashing.Argon2, method)

        def count(self: Any, password: str, other: str, real: Any = real) -> Any:  # noqa: ANN401
            seen.append(password)
            return real(self, password, other)

        monkeypatch.setattr(hashing.Argon2, method, count)
    return seen


# ---- one account, however its name is written ----


@pytest.mark.parametrize(
    "name",
    [
        "v\N{LATIN SMALL LETTER DOTLESS I}ctimina",
        "VICTIMINA",
        "\N{FULLWIDTH LATIN SMALL LETTER V}ictimina",
        "victim\N{LATIN SMALL LETTER DOTLESS I}na",
    ],
)
@pytest.mark.parametrize("path", [LOGIN, ADMIN, TOKEN])
def test_a_locked_account_opens_to_no_way_of_writing_its_name(
    make_user: Callable[..., User], name: str, path: str
) -> None:
    make_user("victimina", is_staff=True)
    for _ in range(5):
        log_in("victimina", "wrong", path=path)

    assert log_in(name, PASSWORD, path=path).status_code in {400, 429}
    assert log_in("victimina", PASSWORD, path=path).status_code == 429


@pytest.mark.parametrize(
    ("stored", "typed"),
    [
        ("\N{LATIN SMALL LETTER LONG S}am", "sam"),
        ("sam", "\N{LATIN SMALL LETTER LONG S}am"),
        ("kim", "\N{KELVIN SIGN}im"),
        ("stra\N{LATIN SMALL LETTER SHARP S}e", "STRA\N{LATIN CAPITAL LETTER SHARP S}E"),
        ("\N{GREEK SMALL LETTER SIGMA}as", "\N{GREEK SMALL LETTER FINAL SIGMA}as"),
        ("mu\N{MICRO SIGN}", "mu\N{GREEK SMALL LETTER MU}"),
    ],
)
def test_names_that_find_one_account_share_one_count(make_user: Callable[..., User], stored: str, typed: str) -> None:
    make_user(stored)
    for attempt in range(10):
        log_in((stored, typed)[attempt % 2], "wrong")

    assert log_in(typed, PASSWORD).status_code == 429
    assert log_in(stored, PASSWORD).status_code == 429


# ---- many names, many addresses ----


@pytest.mark.parametrize("path", [LOGIN, ADMIN, TOKEN])
def test_one_address_guesses_over_many_names_only_so_often(
    make_user: Callable[..., User], hashes: list[str], path: str
) -> None:
    make_user("ada", is_staff=True)
    hashes.clear()
    for number in range(FAILURES.count):
        assert log_in(f"name-{number}", "wrong", path=path).status_code in {200, 400}
    refused = log_in("ada", PASSWORD, path=path)

    assert refused.status_code == 429
    assert int(refused["Retry-After"]) > 0
    assert "no-store" in refused["Cache-Control"]
    assert len(hashes) == FAILURES.count, "a refusal costs no hash"
    if path == TOKEN:
        assert "wrong passwords" in refused.json()["detail"]
    else:
        assert "wrong passwords" in refused.content.decode()
    assert log_in("ada", PASSWORD, AWAY, path=path).status_code in {201, 302}, "another address is open"


def test_an_ipv6_customer_is_one_address(make_user: Callable[..., User]) -> None:
    make_user("ada")
    for number in range(FAILURES.count):
        log_in(f"name-{number}", "wrong", f"2001:db8:0:1::{number + 1:x}")

    assert log_in("ada", PASSWORD, "2001:db8:0:1:ffff::1").status_code == 429
    assert log_in("ada", PASSWORD, "2001:db8:0:2::1").status_code == 302


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1"),
        ("evil, 192.0.2.1", "192.0.2.1"),
        ("nonsense", "127.0.0.1"),
    ],
)
def test_it_counts_the_network_that_nginx_vouches_for(address: str, counted: str) -> None:
    assert network(RequestFactory().get("/", headers={"X-Forwarded-For": address})) == counted


def test_guesses_from_many_addresses_shut_out_neither_the_owner_s_browser_nor_her_mailbox(
    make_user: Callable[..., User], client: Client
) -> None:
    ada = make_user("ada")
    assert log_in("ada", PASSWORD, client=client).status_code == 302
    client.post("/accounts/logout/")
    for number in range(ACCOUNT_FAILURES.count):
        log_in("ada", "wrong", f"203.0.113.{number}")

    assert log_in("ada", PASSWORD, AWAY).status_code == 429
    assert log_in("ada", PASSWORD, client=client).status_code == 302
    assert log_in("bob", "wrong", AWAY).status_code == 200
    assert guard.unlock(ada), "as a password reset does"
    assert log_in("ada", PASSWORD, AWAY).status_code == 302


def test_only_login_pages_receive_what_makes_a_browser_known(make_user: Callable[..., User]) -> None:
    make_user("ada")
    cookies = log_in("ada", PASSWORD).cookies
    known = [cookies[name] for name in ("known_browser", "known_browser_admin")]
    assert [cookie["path"] for cookie in known] == [LOGIN, ADMIN]
    assert all(cookie["httponly"] and cookie["samesite"] == "Lax" for cookie in known)
    assert "known_browser" not in log_in("ada", "wrong").cookies


def test_a_known_browser_is_known_for_its_account_alone_and_guesses_there_are_limited(
    make_user: Callable[..., User], client: Client
) -> None:
    make_user("ada")
    make_user("bob")
    log_in("ada", PASSWORD, client=client)
    client.post("/accounts/logout/")
    use_up(ACCOUNT_FAILURES, "bob")
    assert log_in("bob", PASSWORD, client=client).status_code == 429

    for number in range(FAILURES.count):
        log_in("ada", "wrong", f"203.0.113.{number}", client=client)
    assert log_in("ada", PASSWORD, AWAY, client=client).status_code == 429


def test_a_new_password_makes_other_browsers_unknown_and_its_own_known(
    make_user: Callable[..., User], client: Client
) -> None:
    ada, elsewhere = make_user("ada"), Client()
    for browser in (client, elsewhere):
        log_in("ada", PASSWORD, client=browser)
    client.post("/accounts/password/", {"old_password": PASSWORD, **HERONS})
    for browser in (client, elsewhere):
        browser.post("/accounts/logout/")
    use_up(ACCOUNT_FAILURES, "ada")

    assert log_in("ada", HERONS["new_password1"], client=elsewhere).status_code == 429
    assert log_in("ada", HERONS["new_password1"], client=client).status_code == 302
    ada.refresh_from_db()
    link: Any = elsewhere.get(urlsplit(password_reset_link(ada)).path)
    elsewhere.post(link["Location"], HERONS)
    use_up(ACCOUNT_FAILURES, "ada")
    assert log_in("ada", HERONS["new_password1"], client=elsewhere).status_code == 302, "a reset opens it"


def test_browsers_of_one_s_own_do_not_multiply_attempts(make_user: Callable[..., User]) -> None:
    eve = make_user("eve")
    known = [Client() for _ in range(3)]
    for browser in known:
        log_in("eve", PASSWORD, client=browser)
        browser.post("/accounts/logout/")
    use_up(ATTEMPTS, f"account {eve.pk}")
    assert {log_in("eve", PASSWORD, client=browser).status_code for browser in known} == {429}


def test_a_forged_cookie_makes_no_known_browser(make_user: Callable[..., User], client: Client) -> None:
    make_user("ada")
    use_up(ACCOUNT_FAILURES, "ada")
    for forged in ("nonsense", "W10:1:x", ""):
        client.cookies["known_browser"] = forged
        assert log_in("ada", PASSWORD, client=client).status_code == 429


def test_an_attack_on_the_whole_site_leaves_every_address_some_attempts(make_user: Callable[..., User]) -> None:
    make_user("ada")
    use_up(ALL_FAILURES)
    for number in range(FAILURES_UNDER_ATTACK.count):
        assert log_in(f"name-{number}", "wrong", AWAY).status_code == 200

    assert log_in("another", "wrong", AWAY).status_code == 429
    assert log_in("ada", PASSWORD).status_code == 302
    assert log_in("ada", PASSWORD).status_code == 302, "right passwords do not count"


@pytest.mark.parametrize("path", [LOGIN, TOKEN])
def test_right_passwords_cost_hashes_too_and_are_limited_by_address(make_user: Callable[..., User], path: str) -> None:
    make_user("ada")
    use_up(ATTEMPTS, HOME)
    assert log_in("ada", PASSWORD, path=path).status_code == 429
    assert log_in("ada", PASSWORD, AWAY, path=path).status_code in {201, 302}


@pytest.mark.parametrize("path", [LOGIN, ADMIN, TOKEN])
def test_a_user_who_logs_in_all_day_is_never_refused_as_a_guesser(make_user: Callable[..., User], path: str) -> None:
    make_user("ada", is_staff=True)
    for _ in range(FAILURES.count + 2):
        assert log_in("ada", PASSWORD, path=path).status_code in {201, 302}


# ---- a browser that somebody else took over ----


def test_the_current_password_is_not_guessed_in_a_browser_that_is_logged_in(
    client: Client, make_user: Callable[..., User]
) -> None:
    ada = make_user("ada", is_staff=True)
    client.force_login(ada)
    edit = {"first_name": "", "last_name": "", "language": "en", "email": "eve@example.org"}
    attempts: list[Callable[[str], HttpResponse]] = [
        lambda guess: client.post("/accounts/profile/edit/", {**edit, "password": guess}),  # type: ignore[list-item, return-value]
        lambda guess: client.post("/accounts/password/", {"old_password": guess, **HERONS}),  # type: ignore[list-item, return-value]
        lambda guess: client.post("/admin/password_change/", {"old_password": guess, **HERONS}),  # type: ignore[list-item, return-value]
    ]
    for number in range(2 * OWN_PASSWORD.count):
        attempts[number % 3]("wrong")

    for attempt in attempts:
        assert attempt(PASSWORD).status_code == 429
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)
    assert ada.pending_email == ""


# ---- a flood of logins ----


def test_hashes_beyond_the_bound_are_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    slots = hashing.Slots(1)
    monkeypatch.setattr(hashing, "slots", slots)
    stored = make_password(PASSWORD)
    with slots.one():
        waiting = threading.Thread(target=check_password, args=(PASSWORD, stored))
        waiting.start()
        wait_until(lambda: slots._admitted._value == 0, "a second hash does not wait")  # noqa: SLF001
        with pytest.raises(ExceededError):
            check_password(PASSWORD, stored)
    waiting.join()
    assert check_password(PASSWORD, stored)


@pytest.mark.parametrize("path", [LOGIN, ADMIN, TOKEN, "/accounts/register/"])
def test_a_login_that_finds_no_room_is_told_to_come_back_and_counts_as_no_wrong_password(
    make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    make_user("ada", is_staff=True)
    full = hashing.Slots(1)
    full._admitted.acquire()  # noqa: SLF001 - as two hashes would
    full._admitted.acquire()  # noqa: SLF001
    monkeypatch.setattr(hashing, "slots", full)
    if path == "/accounts/register/":
        form = {"username": "bob", "email": "bob@example.org", "password1": PASSWORD, "password2": PASSWORD}
        refused: Any = Client().post(path, form, headers={"X-Forwarded-For": HOME})
    else:
        refused = log_in("ada", PASSWORD, path=path)

    assert (refused.status_code, refused["Retry-After"]) == (429, "2")
    assert ("detail" in refused.json()) if path == TOKEN else ("few seconds" in refused.content.decode())
    assert not AccessAttempt.objects.exists()
    assert not take([(Rate(FAILURES.name, FAILURES.count, FAILURES.within), HOME)] * FAILURES.count)


def test_a_flood_of_strangers_delays_no_known_browser(
    make_user: Callable[..., User], client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user("ada")
    make_user("bob")
    log_in("ada", PASSWORD, client=client)
    client.post("/accounts/logout/")
    full = hashing.Slots(1)
    full._admitted.acquire()  # noqa: SLF001 - as two hashes would
    full._admitted.acquire()  # noqa: SLF001
    monkeypatch.setattr(hashing, "slots", full)

    assert log_in("ada", PASSWORD, AWAY, client=client).status_code == 302
    assert log_in("bob", PASSWORD).status_code == 429, "the next visitor of the same thread is a stranger"


# ---- the counts themselves ----


def test_a_rate_admits_its_number_at_once_and_then_one_by_one() -> None:
    rate = Rate("test", 3, 30)
    assert [take([(rate, "a")]) for _ in range(3)] == [0, 0, 0]
    assert 9_000 < take([(rate, "a")]) <= 10_000  # ten seconds, a thousand times as long here
    assert take([(rate, "b")]) == 0
    Allowance.objects.filter(pk=rate.key("a")).update(full_at=timezone.now() + timedelta(seconds=19_000))
    assert take([(rate, "a")]) == 0
    assert take([(rate, "a")]) > 0
    give_back([(rate, "a")])
    assert take([(rate, "a")]) == 0


def test_several_rates_count_together_or_not_at_all() -> None:
    wide, narrow = Rate("wide", 2, 60), Rate("narrow", 1, 60)
    assert take([(wide, "a"), (narrow, "a")]) == 0
    assert take([(wide, "a"), (narrow, "a")]) > 0
    assert take([(wide, "a")]) == 0


def test_a_count_that_is_whole_again_is_deleted_and_names_nobody() -> None:
    rate = Rate("test", 3, 30)
    take([(rate, HOME)])
    take([(rate, AWAY)])
    assert not Allowance.objects.filter(key__contains=HOME).exists()
    Allowance.objects.filter(pk=rate.key(HOME)).update(full_at=timezone.now() - timedelta(seconds=1))
    assert remove_expired() == 1
    assert Allowance.objects.get().pk == rate.key(AWAY)


@pytest.mark.parametrize(
    "address", ["victim@example.org", "victim+7@example.org", "vic.tim@Example.org", "V.i.c.t.i.m+x+y@example.org"]
)
def test_a_mailbox_is_one_however_its_address_is_written(address: str) -> None:
    assert mailbox(address) == "victim@example.org"


# ---- the way on ----


def test_the_login_leads_back_to_the_whole_address(client: Client, make_user: Callable[..., User]) -> None:
    make_user("ada")
    target = "/accounts/profile/?a=1&b=2&c=%26%3D"
    at_login = client.get(target)["Location"]
    assert at_login == f"{LOGIN}?next={quote(target)}"
    page: Any = client.get(at_login)
    form = {"username": "ada", "password": PASSWORD, "next": page.context["next"]}
    assert client.post(at_login, form)["Location"] == target


def test_the_workers_settings_bound_hashes_by_the_threads() -> None:
    assert settings.PASSWORD_HASHES_AT_ONCE == 1
