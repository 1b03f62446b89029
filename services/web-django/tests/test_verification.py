"""Mails to accounts: recipients, the validity of links, and no disclosure to strangers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from accounts import links, mail
from accounts.models import User
from accounts.signals import NOBODY
from django.core import mail as outbox
from django.core import signing

from tests.conftest import PASSWORD, Letters

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client

pytestmark = pytest.mark.django_db

RESEND, FORGOT, LOGIN = "/accounts/verify/", "/accounts/password/reset/", "/accounts/login/"
NEW_PASSWORD = "twelve-shy-herons"
CYRILLIC = re.compile(r"[\u0430-\u044f]")
LETTERS = [mail.send_welcome, mail.send_verification, mail.send_password_reset]


def link_in(letter: Any) -> str:  # noqa: ANN401 - Django's class for mails has no useful type here
    """Return the path of the last mail's link, which must be the same in text and HTML."""
    text = re.search(r"^ +http://localhost:8080(/\S+)$", letter.body, re.MULTILINE)
    assert text
    assert f'href="http://localhost:8080{text[1]}"' in letter.alternatives[0].content
    return text[1]


def test_it_greets_in_text_and_html_and_the_link_verifies_the_address(
    client: Client, make_user: Callable[..., User]
) -> None:
    user = make_user("ada")
    mail.send_welcome(user.pk, message_id="one")
    letter = outbox.outbox[0]
    assert letter.to == ["ada@example.org"]
    assert letter.subject == "Welcome aboard"
    assert "Welcome aboard, ada." in letter.body
    path = link_in(letter)
    assert "ada@example.org" in client.get(path).content.decode()
    user.refresh_from_db()
    assert not user.is_verified, "programs that look into letters open links, too"
    page = client.post(path, follow=True)
    assert page.redirect_chain == [(LOGIN, 302)]
    assert "ada@example.org is confirmed" in page.content.decode()
    user.refresh_from_db()
    assert user.is_verified


def test_a_verification_link_works_once(client: Client, make_user: Callable[..., User]) -> None:
    path = f"/accounts/verify/{links.verification_token(make_user())}/"
    client.post(path)
    again = client.post(path)
    assert again.status_code == 410
    assert "no longer works" in again.content.decode()


def test_a_verification_link_expires(
    client: Client, make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user()
    token = links.verification_token(user)
    monkeypatch.setattr(links, "VERIFICATION_MAX_AGE", -1)
    assert client.post(f"/accounts/verify/{token}/").status_code == 410
    user.refresh_from_db()
    assert not user.is_verified


def test_a_verification_link_cannot_be_forged_or_borrowed(client: Client, make_user: Callable[..., User]) -> None:
    ada, bob = make_user("ada"), make_user("bob")
    token = links.verification_token(ada)
    of_another_kind = signing.dumps([ada.pk, links._fingerprint(ada)], salt="elsewhere")  # noqa: SLF001 - an attacker's use
    of_somebody_else = signing.dumps([bob.pk, links._fingerprint(ada)], salt=links.SALT)  # noqa: SLF001 - as above
    for forged in (f"{token}x", "nonsense", of_another_kind, of_somebody_else):
        assert client.post(f"/accounts/verify/{forged}/").status_code == 410
    assert not User.objects.exclude(email_verified_at=None).exists()


def test_a_verification_link_is_overtaken_by_a_change_of_the_address(make_user: Callable[..., User]) -> None:
    user = make_user()
    token = links.verification_token(user)
    user.pending_email = "new@example.org"
    user.save()
    assert links.verify(token) is None


def test_a_new_address_that_somebody_took_meanwhile_is_not_confirmed(
    client: Client, make_user: Callable[..., User], django_user_model: type[User]
) -> None:
    user = make_user("ada", pending_email="late@example.org")
    path = f"/accounts/verify/{links.verification_token(user)}/"
    make_user("bob", email="late@example.org")
    assert client.post(path).status_code == 410
    assert django_user_model.objects.get(pk=user.pk).email == "ada@example.org"


@pytest.mark.parametrize("send", LETTERS)
def test_letters_speak_the_language_of_whom_they_are_to(
    make_user: Callable[..., User], send: Callable[..., None]
) -> None:
    send(make_user(language="ru").pk, message_id="one")
    letter: Any = outbox.outbox[0]
    assert CYRILLIC.search(str(letter.subject))
    assert CYRILLIC.search(letter.body)
    assert 'lang="ru"' in letter.alternatives[0].content
    link_in(letter)


@pytest.mark.parametrize("send", LETTERS)
def test_letters_cannot_be_made_to_carry_markup(make_user: Callable[..., User], send: Callable[..., None]) -> None:
    send(make_user(first_name="<b>Ada</b>").pk, message_id="one")
    letter: Any = outbox.outbox[0]
    for text in (letter.body, letter.alternatives[0].content):
        assert "<b>Ada" not in text
        assert "Ada</b>" not in text


@pytest.mark.parametrize("send", LETTERS)
def test_two_attempts_at_one_letter_can_be_told_to_be_the_same(
    make_user: Callable[..., User], send: Callable[..., None]
) -> None:
    user = make_user()
    for message_id in ("one", "one", "<two@example.org>"):
        send(user.pk, message_id=message_id)
    first, second, other = (letter.extra_headers["Message-ID"] for letter in outbox.outbox)
    assert first == second
    assert first.startswith("<one@")
    assert other == "<two@example.org>"


@pytest.mark.parametrize("send", LETTERS)
def test_a_letter_to_an_account_that_is_not_there_yet_is_to_be_tried_again(send: Callable[..., None]) -> None:
    with pytest.raises(LookupError):
        send(4711, message_id="one")


@pytest.mark.parametrize("send", LETTERS)
def test_nobody_and_the_deactivated_get_no_letter(make_user: Callable[..., User], send: Callable[..., None]) -> None:
    send(NOBODY, message_id="one")
    send(make_user(is_active=False).pk, message_id="two")
    assert outbox.outbox == []


def test_a_verified_address_is_greeted_without_a_link_to_verify_it(make_user: Callable[..., User]) -> None:
    user = make_user()
    links.verify(links.verification_token(user))
    mail.send_welcome(user.pk, message_id="one")
    assert link_in(outbox.outbox[0]) == LOGIN
    mail.send_verification(user.pk, message_id="two")
    assert len(outbox.outbox) == 1


def test_a_forgotten_password_is_replaced_by_letter(
    client: Client, make_user: Callable[..., User], letters: Letters
) -> None:
    user = make_user("ada")
    page = client.post(FORGOT, {"email": "ADA@example.org"}, follow=True)
    assert "If there is an account" in page.content.decode()
    assert letters == [("send_password_reset", user.pk)]
    mail.send_password_reset(user.pk, message_id="one")
    path = link_in(outbox.outbox[0])
    form = client.get(path, follow=True)
    there = form.redirect_chain[0][0]
    weak = client.post(there, {"new_password1": "kurz", "new_password2": "kurz"})
    assert "new_password2" in weak.context["form"].errors
    done = client.post(there, {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}, follow=True)
    assert "new password is set" in done.content.decode()
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
    assert user.is_verified, "the link came to that address"
    assert "no longer works" in client.get(path, follow=True).content.decode()


def test_a_reset_logs_other_browsers_out(client: Client, make_user: Callable[..., User]) -> None:
    user = make_user()
    client.force_login(user)
    user.set_password(NEW_PASSWORD)
    user.save()
    assert client.get("/accounts/profile/").status_code == 302


@pytest.mark.parametrize("path", [FORGOT, RESEND])
def test_it_does_not_tell_who_has_an_account(
    client: Client, make_user: Callable[..., User], letters: Letters, path: str
) -> None:
    user = make_user("ada")
    known, unknown = (
        client.post(path, {"email": email}, follow=True) for email in ("ada@example.org", "eve@example.org")
    )
    assert known.redirect_chain == unknown.redirect_chain
    assert known.content.decode() == unknown.content.decode()
    assert [user_id for _, user_id in letters] == [user.pk, NOBODY], "the same work is done for nobody"


@pytest.mark.parametrize("path", [FORGOT, RESEND])
@pytest.mark.parametrize("email", ["ada@example.org", "eve@example.org"])
def test_it_does_not_tell_who_has_an_account_while_nobody_takes_letters(
    client: Client, make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch, path: str, email: str
) -> None:
    def refuse(*_: int) -> None:
        raise ConnectionError("nobody takes it")

    make_user("ada")
    for task in ("send_verification", "send_password_reset"):
        monkeypatch.setattr(f"accounts.tasks.{task}.delay", refuse)
    for _attempt in range(2):
        response = client.post(path, {"email": email})
        assert response.status_code == 503
        assert int(response["Retry-After"]) > 0
        assert f'value="{email}"' in response.content.decode()


@pytest.mark.parametrize("path", [FORGOT, RESEND])
def test_nobody_s_inbox_is_flooded(client: Client, make_user: Callable[..., User], letters: Letters, path: str) -> None:
    user = make_user("ada")
    for _attempt in range(3):
        client.post(path, {"email": "ada@example.org"})
    assert [user_id for _, user_id in letters] == [user.pk, NOBODY, NOBODY]


def test_accounts_without_a_password_get_no_reset_link(
    client: Client, make_user: Callable[..., User], letters: Letters
) -> None:
    user = make_user("robot")
    user.set_unusable_password()
    user.save()
    client.post(FORGOT, {"email": "robot@example.org"})
    assert letters == [("send_password_reset", NOBODY)]


def test_the_letter_is_sent_again_only_to_an_address_that_waits(
    client: Client, make_user: Callable[..., User], letters: Letters
) -> None:
    links.verify(links.verification_token(make_user("ada")))
    bob = make_user("bob", pending_email="new@example.org")
    client.post(RESEND, {"email": "ada@example.org"})
    client.post(RESEND, {"email": "new@example.org"})
    assert [user_id for _, user_id in letters] == [NOBODY, bob.pk]


@pytest.mark.parametrize("path", [FORGOT, RESEND])
def test_it_says_beside_the_field_what_is_wrong_with_an_address(client: Client, path: str) -> None:
    response = client.post(path, {"email": "ada"})
    assert 'id="id_email_error"' in response.content.decode()
    assert "no-store" in response["Cache-Control"]


def test_it_offers_the_address_of_who_is_logged_in(client: Client, make_user: Callable[..., User]) -> None:
    client.force_login(make_user("ada"))
    assert 'value="ada@example.org"' in client.get(RESEND).content.decode()


def test_the_old_password_is_needed_for_a_new_one(client: Client, make_user: Callable[..., User]) -> None:
    user = make_user()
    client.force_login(user)
    new = {"new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    refused = client.post("/accounts/password/", {"old_password": "wrong", **new})
    assert 'id="id_old_password_error"' in refused.content.decode()
    changed = client.post("/accounts/password/", {"old_password": PASSWORD, **new}, follow=True)
    assert "Your password is changed" in changed.content.decode()
    user.refresh_from_db()
    assert user.check_password(NEW_PASSWORD)
