"""Lockout after wrong passwords, and its message for users who only mistyped."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.test import Client, RequestFactory
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from landfast_runtime.django.visitors import UNKNOWN, client_address

from tests.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User
    from django.http import HttpResponse

pytestmark = pytest.mark.django_db

LOGIN = "/accounts/login/"
HOME, AWAY = "198.51.100.7", "203.0.113.9"


def log_in(name: str, password: str, address: str = HOME, path: str = LOGIN) -> HttpResponse:
    """Try to log in with a new browser, with Nginx's headers."""
    return Client().post(  # type: ignore[return-value] # Django's test client adds to it
        path, {"username": name, "password": password}, headers={"X-Forwarded-For": address}
    )


def guess(name: str, times: int = settings.AXES_FAILURE_LIMIT, address: str = HOME) -> HttpResponse:
    """Try wrong passwords and return the last response."""
    for attempt in range(times):
        response = log_in(name, f"wrong-{attempt}", address)
    return response


def test_it_locks_after_five_wrong_passwords_and_says_so(make_user: Callable[..., User]) -> None:
    make_user("ada")
    assert guess("ada", 4).status_code == 200
    locked = guess("ada", 1)
    page = locked.content.decode()
    assert locked.status_code == 429
    assert locked["Retry-After"] == "900"
    assert "no-store" in locked["Cache-Control"]
    assert "locked for 15 minutes" in page
    assert "/accounts/password/reset/" in page
    assert log_in("ada", PASSWORD).status_code == 429


def test_it_locks_the_admin_s_login_too(make_user: Callable[..., User]) -> None:
    make_user("ada", is_staff=True)
    guess("ada")
    assert log_in("ada", PASSWORD, path="/admin/login/").status_code == 429


@pytest.mark.parametrize("name", ["ADA", "Ada", "\N{FULLWIDTH LATIN SMALL LETTER A}da"])
def test_it_counts_for_the_account_however_its_name_is_written(make_user: Callable[..., User], name: str) -> None:
    make_user("ada")
    guess("ada", 3)
    guess(name, 2)
    assert log_in("ada", PASSWORD).status_code == 429


def test_it_locks_a_name_that_nobody_has_just_the_same() -> None:
    assert guess("nobody").status_code == 429


def test_it_locks_neither_others_at_that_address_nor_the_owner_elsewhere(make_user: Callable[..., User]) -> None:
    make_user("ada")
    make_user("bob")
    guess("ada")
    assert log_in("bob", PASSWORD).status_code == 302
    assert log_in("ada", PASSWORD, AWAY).status_code == 302


def test_it_forgets_mistakes_once_the_password_was_right(make_user: Callable[..., User]) -> None:
    make_user("ada")
    guess("ada", 4)
    assert log_in("ada", PASSWORD).status_code == 302
    assert guess("ada", 4).status_code == 200


def test_the_lock_opens_by_itself(make_user: Callable[..., User]) -> None:
    make_user("ada")
    guess("ada")
    AccessAttempt.objects.update(attempt_time=timezone.now() - settings.AXES_COOLOFF_TIME - timedelta(seconds=1))
    assert log_in("ada", PASSWORD).status_code == 302


def test_trying_on_does_not_make_the_wait_longer(make_user: Callable[..., User]) -> None:
    make_user("ada")
    guess("ada")
    began = AccessAttempt.objects.get().attempt_time
    log_in("ada", "wrong-again")
    assert AccessAttempt.objects.get().attempt_time == began


def test_an_administrator_unlocks_it(client: Client, make_user: Callable[..., User]) -> None:
    user = make_user("Ada")
    guess("Ada")
    client.force_login(make_user("root", is_staff=True, is_superuser=True))
    page = client.post("/admin/accounts/user/", {"action": "unlock_login", "_selected_action": [user.pk]}, follow=True)
    assert "1 login was unlocked." in page.content.decode()
    assert log_in("Ada", PASSWORD).status_code == 302


def test_a_password_reset_unlocks_it(client: Client, make_user: Callable[..., User]) -> None:
    user = make_user("ada")
    guess("ada")
    number = urlsafe_base64_encode(force_bytes(user.pk))
    form = client.get(f"/accounts/password/reset/{number}/{default_token_generator.make_token(user)}/")
    client.post(form["Location"], {"new_password1": "twelve-shy-herons", "new_password2": "twelve-shy-herons"})
    assert log_in("ada", "twelve-shy-herons").status_code == 302


def test_failures_are_counted_where_every_process_sees_them_and_keep_no_password(
    make_user: Callable[..., User],
) -> None:
    make_user("ada")
    guess("ada", 2)
    attempt = AccessAttempt.objects.get()
    assert (attempt.username, attempt.ip_address, attempt.failures_since_start) == ("ada", HOME, 2)
    assert "wrong-" not in f"{attempt.post_data}{attempt.get_data}"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"HTTP_X_FORWARDED_FOR": HOME}, HOME),
        ({"HTTP_X_FORWARDED_FOR": f"{AWAY}, {HOME}"}, HOME),
        ({"HTTP_X_FORWARDED_FOR": "2001:db8::1"}, "2001:db8::1"),
        ({"HTTP_X_REAL_IP": AWAY, "HTTP_FORWARDED": f"for={AWAY}", "REMOTE_ADDR": HOME}, HOME),
        ({"HTTP_X_FORWARDED_FOR": "nonsense", "REMOTE_ADDR": HOME}, HOME),
        ({"REMOTE_ADDR": ""}, UNKNOWN),
    ],
)
def test_it_believes_the_proxy_and_never_the_client(headers: dict[str, str], expected: str) -> None:
    assert client_address(RequestFactory().get("/", **headers)) == expected  # type: ignore[arg-type] # WSGI's own names


def test_nginx_replaces_what_a_client_claims() -> None:
    snippet = Path(__file__).parents[3] / "nginx/snippets/proxy-headers.conf"
    assert "proxy_set_header X-Forwarded-For $remote_addr;" in snippet.read_text(encoding="utf-8")
