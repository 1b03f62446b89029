"""Users' own accounts, and their language."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from accounts import links
from django.test import Client

from tests.conftest import PASSWORD, Letters

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User

pytestmark = pytest.mark.django_db

EDIT, SWITCH = "/accounts/profile/edit/", "/accounts/language/"
FORM = {"first_name": "Ada", "last_name": "Lovelace", "language": "en", "email": "ada@example.org", "password": ""}


@pytest.fixture
def ada(client: Client, make_user: Callable[..., User]) -> User:
    """Return the logged-in user, with a verified address."""
    user = make_user("ada")
    verified = links.verify(links.verification_token(user))
    assert verified
    client.force_login(verified)
    return verified


def test_it_keeps_name_and_language_and_asks_for_no_password(client: Client, ada: User, letters: Letters) -> None:
    page = client.post(EDIT, FORM | {"language": "ru"}, follow=True)
    ada.refresh_from_db()
    assert (ada.get_full_name(), ada.language, ada.email) == ("Ada Lovelace", "ru", "ada@example.org")
    assert client.cookies["django_language"].value == "ru"
    assert '<html lang="ru"' in page.content.decode()
    assert "Ada Lovelace" in page.content.decode()
    assert letters == []


def test_a_new_address_counts_once_it_is_verified(client: Client, ada: User, letters: Letters) -> None:
    page = client.post(EDIT, FORM | {"email": "new@example.org", "password": PASSWORD}, follow=True)
    assert "letter to new@example.org" in page.content.decode()
    ada.refresh_from_db()
    assert (ada.email, ada.pending_email) == ("ada@example.org", "new@example.org")
    assert letters == [("send_verification", ada.pk)]
    done = client.post(f"/accounts/verify/{links.verification_token(ada)}/")
    assert done["Location"] == "/accounts/profile/"
    ada.refresh_from_db()
    assert (ada.email, ada.pending_email) == ("new@example.org", "")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"email": "new@example.org"}, "password"),
        ({"email": "new@example.org", "password": "wrong"}, "password"),
        ({"email": "Taken@example.org", "password": PASSWORD}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"language": "tlh"}, "language"),
        ({"language": ""}, "language"),
    ],
)
def test_it_says_beside_the_field_what_is_wrong(
    client: Client, ada: User, make_user: Callable[..., User], letters: Letters, change: dict[str, str], field: str
) -> None:
    make_user("bob", email="taken@example.org")
    page = client.post(EDIT, FORM | change).content.decode()
    assert f'id="id_{field}_error"' in page
    assert 'value="Lovelace"' in page
    ada.refresh_from_db()
    assert (ada.first_name, ada.email, ada.pending_email) == ("", "ada@example.org", "")
    assert letters == []


def test_nothing_changes_while_nobody_takes_letters(client: Client, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: int) -> None:
        raise ConnectionError("nobody takes it")

    monkeypatch.setattr("accounts.tasks.send_verification.delay", refuse)
    response = client.post(EDIT, FORM | {"email": "new@example.org", "password": PASSWORD})
    assert response.status_code == 503
    assert "nothing was saved" in response.content.decode()
    ada.refresh_from_db()
    assert (ada.first_name, ada.pending_email) == ("", "")


def test_going_back_to_the_old_address_calls_the_change_off(client: Client, ada: User, letters: Letters) -> None:
    client.post(EDIT, FORM | {"email": "new@example.org", "password": PASSWORD})
    client.post(EDIT, FORM)
    ada.refresh_from_db()
    assert ada.pending_email == ""
    assert len(letters) == 1


@pytest.mark.parametrize("path", ["/accounts/profile/", EDIT, "/accounts/password/"])
def test_strangers_log_in_first_and_caches_keep_nothing(
    client: Client, make_user: Callable[..., User], path: str
) -> None:
    assert client.get(path)["Location"] == f"/accounts/login/?next={path}"
    client.force_login(make_user())
    response = client.get(path)
    assert response.status_code == 200
    assert {"no-store", "private"} <= set(response["Cache-Control"].split(", "))


def test_the_switch_shows_every_page_in_the_other_language(client: Client) -> None:
    assert '<html lang="en"' in client.get("/accounts/login/").content.decode()
    response = client.post(SWITCH, {"language": "ru", "next": "/accounts/login/?next=/flower/"})
    assert response["Location"] == "/accounts/login/?next=/flower/"
    page = client.get("/accounts/login/").content.decode()
    assert '<html lang="ru"' in page
    assert "Войти" in page


def test_the_switch_is_remembered_for_letters(client: Client, ada: User) -> None:
    client.post(SWITCH, {"language": "ru"})
    ada.refresh_from_db()
    assert ada.language == "ru"


def test_logging_in_brings_the_language_along(client: Client, make_user: Callable[..., User]) -> None:
    make_user("ada", language="ru")
    client.post("/accounts/login/", {"username": "ada", "password": PASSWORD})
    assert '<html lang="ru"' in client.get("/accounts/profile/").content.decode()


def test_registering_in_russian_makes_a_russian_reader(
    client: Client, letters: Letters, django_user_model: type[User]
) -> None:
    form = {"username": "ada", "email": "ada@example.org", "password1": PASSWORD, "password2": PASSWORD}
    client.post("/accounts/register/", form, headers={"Accept-Language": "ru"})
    assert django_user_model.objects.get().language == "ru"
    assert len(letters) == 1


@pytest.mark.parametrize("target", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)", ""])
def test_the_switch_leads_nowhere_else(client: Client, target: str) -> None:
    assert client.post(SWITCH, {"language": "ru", "next": target})["Location"] == "/"


def test_the_switch_knows_only_the_site_s_languages(client: Client) -> None:
    assert client.post(SWITCH, {"language": "tlh"}).status_code == 400
    assert client.get(SWITCH).status_code == 405


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://elsewhere.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_the_switch_takes_no_form_of_another_site(client: Client, headers: dict[str, str]) -> None:
    response = client.post(SWITCH, {"language": "ru"}, headers=headers)
    assert response.status_code == 403
    assert "django_language" not in client.cookies


def test_the_switch_works_without_a_token_and_behind_nginx() -> None:
    browser = Client(enforce_csrf_checks=True)
    headers = {"Origin": "https://localhost:8443", "Host": "localhost:8443", "Sec-Fetch-Site": "same-origin"}
    assert browser.post(SWITCH, {"language": "ru", "next": "/"}, headers=headers).status_code == 302


def test_caches_tell_languages_apart_by_cookie_and_by_wish(client: Client) -> None:
    response = client.get("/")
    assert {"Accept-Language", "Cookie"} <= {name.strip() for name in response["Vary"].split(",")}
    assert response["Content-Language"] == "en"
    assert client.get("/", headers={"Accept-Language": "ru"})["Content-Language"] == "ru"
    assert not response.cookies, "a page that caches may keep sets no cookie"
