"""Our letters as a weapon: floods of them, and words of strangers in them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from accounts import addresses, mail, names
from accounts.models import User
from django.conf import settings
from django.core import mail as outbox
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import Client
from news.models import Subscriber
from quotas.letters import BY_ACCOUNT, TO_MAILBOX

from tests.conftest import PASSWORD, Letters

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.django_db

REGISTER, EDIT, RESEND, FORGOT, NEWSLETTER = (
    "/accounts/register/",
    "/accounts/profile/edit/",
    "/accounts/verify/",
    "/accounts/password/reset/",
    "/newsletter/",
)
#: Cyrillic names: the first looks like a Latin word.
CYRILLIC_COPY, VERA = "\u0441\u043e\u0440\u0443", "\u0412\u0435\u0440\u0430"
HOME, AWAY = "198.51.100.7", "203.0.113.9"
FORM = {"username": "ada", "email": "ada@example.org", "password1": PASSWORD, "password2": PASSWORD}
SEND = [mail.send_welcome, mail.send_verification, mail.send_password_reset]


def post(path: str, form: dict[str, str], address: str = HOME, client: Client | None = None) -> Any:  # noqa: ANN401 - a test client's
    return (client or Client()).post(path, form, headers={"X-Forwarded-For": address})


def register(number: int, email: str, address: str = HOME) -> Any:  # noqa: ANN401
    return post(REGISTER, FORM | {"username": f"name{number}", "email": email}, address)


@pytest.fixture
def confirmations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return the subscribers who get the newsletter's confirmation mail."""
    sent: list[int] = []
    monkeypatch.setattr("news.tasks.confirm_subscription.delay", sent.append)
    return sent


# ---- floods ----


def test_a_mailbox_gets_few_letters_however_its_address_is_tagged(letters: Letters) -> None:
    answers = [register(number, f"vic.tim+{number}@example.org", f"203.0.113.{number}") for number in range(25)]

    assert len(letters) == TO_MAILBOX.count
    assert [answer.status_code for answer in answers[TO_MAILBOX.count :]] == [429] * (25 - TO_MAILBOX.count)
    assert "several letters" in answers[-1].content.decode()
    assert User.objects.count() == TO_MAILBOX.count, "what is refused stores nothing"


def test_the_profile_sends_few_letters_to_a_new_address(
    client: Client, make_user: Callable[..., User], letters: Letters
) -> None:
    client.force_login(make_user("ada"))
    form = {"first_name": "Ada", "last_name": "", "language": "en", "password": PASSWORD}
    for number in range(12):
        email = "victim@example.org" if number % 2 else "v.ictim@example.org"
        post(EDIT, {**form, "email": email}, f"203.0.113.{number}", client)

    assert len(letters) == TO_MAILBOX.count


def test_an_account_causes_few_letters_to_whomever(
    client: Client, make_user: Callable[..., User], letters: Letters
) -> None:
    client.force_login(make_user("ada"))
    form = {"first_name": "Ada", "last_name": "", "language": "en", "password": PASSWORD}
    for number in range(12):
        last = post(EDIT, {**form, "email": f"victim{number}@example.org"}, f"203.0.113.{number}", client)

    assert len(letters) == BY_ACCOUNT.count
    assert last.status_code == 429


def test_an_address_causes_few_letters_by_all_forms_together(
    make_user: Callable[..., User], letters: Letters, confirmations: list[int]
) -> None:
    make_user("ada")
    forms: list[Callable[[int], Any]] = [
        lambda number: register(number, f"a{number}@example.org"),
        lambda number: post(NEWSLETTER, {"email": f"b{number}@example.org"}),
        lambda number: post(FORGOT, {"email": f"c{number}@example.org"}),
        lambda number: post(RESEND, {"email": f"d{number}@example.org"}),
    ]
    for number in range(settings.LETTERS_PER_HOUR):
        assert forms[number % 4](number).status_code in {200, 302}
    sent = len(letters) + len(confirmations)

    for number in range(4):
        refused = forms[number](100 + number)
        assert refused.status_code == 429
        assert int(refused["Retry-After"]) > 0
        assert "many letters" in refused.content.decode()
    assert sent == settings.LETTERS_PER_HOUR
    assert len(letters) + len(confirmations) == sent
    assert post(NEWSLETTER, {"email": "other@example.org"}, AWAY).status_code == 200


@pytest.mark.parametrize("path", [FORGOT, RESEND, NEWSLETTER])
def test_a_form_does_not_tell_that_a_mailbox_has_got_enough(
    make_user: Callable[..., User], letters: Letters, confirmations: list[int], path: str
) -> None:
    ada = make_user("ada")
    pages = []
    for number in range(2 * TO_MAILBOX.count):
        cache.clear()  # forgets the shorter pauses, which are another limit
        pages.append(post(path, {"email": "ada@example.org"}, f"203.0.113.{number}"))

    assert {page.status_code for page in pages} == {302 if path == FORGOT else 200}
    sent = len([user for _, user in letters if user == ada.pk]) + len(confirmations)
    assert sent == TO_MAILBOX.count


# ---- one mailbox, one account ----


@pytest.mark.parametrize(
    "email",
    [
        "\N{FULLWIDTH LATIN SMALL LETTER A}da@example.org",
        "ada@\N{FULLWIDTH LATIN SMALL LETTER E}xample.org",
        "ada@EXAMPLE.org",
        "ada@example\N{IDEOGRAPHIC FULL STOP}org",
        "ADA@example.org",
    ],
)
def test_one_mailbox_has_one_account(make_user: Callable[..., User], letters: Letters, email: str) -> None:
    make_user("ada")
    page = register(1, email)

    assert page.status_code == 200
    assert "email" in page.context["form"].errors
    assert letters == []


@pytest.mark.parametrize(
    "email",
    [
        "v\N{LATIN SMALL LETTER DOTLESS I}ctim@example.org",
        "v\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}ctim@example.org",
        "j\N{LATIN SMALL LETTER U WITH DIAERESIS}rgen@example.org",
    ],
)
@pytest.mark.parametrize("path", [REGISTER, FORGOT, RESEND, NEWSLETTER])
def test_an_address_that_only_compares_like_another_is_none(
    make_user: Callable[..., User], letters: Letters, confirmations: list[int], path: str, email: str
) -> None:
    make_user("victim")
    page = post(path, FORM | {"email": email})

    assert page.status_code == 200
    assert "email" in page.context["form"].errors
    assert (letters, confirmations, Subscriber.objects.count()) == ([], [], 0)


def test_a_reset_goes_to_the_stored_address_alone(make_user: Callable[..., User], letters: Letters) -> None:
    user = make_user("kim", email="kim@example.org")
    post(FORGOT, {"email": "\N{KELVIN SIGN}im@example.org"})
    assert letters == [("send_password_reset", user.pk)]
    mail.send_password_reset(user.pk, message_id="one")
    assert outbox.outbox[0].to == ["kim@example.org"]


def test_every_form_and_command_stores_the_normal_form() -> None:
    user = User.objects.create_user("bob", "Bob@\N{FULLWIDTH LATIN SMALL LETTER E}xample.ORG", PASSWORD)
    assert user.email == "Bob@example.org"
    user.email = "v\N{LATIN SMALL LETTER DOTLESS I}ctim@example.org"
    with pytest.raises(ValidationError, match="plain Latin letters"):
        user.full_clean()
    assert addresses.normal("ada@b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example") == (
        "ada@b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.example"
    )


@pytest.mark.parametrize(
    ("taken", "name"),
    [
        ("victimina", "v\N{LATIN SMALL LETTER DOTLESS I}ctimina"),
        ("victimina", "\N{FULLWIDTH LATIN SMALL LETTER V}ictimina"),
        ("sam", "\N{LATIN SMALL LETTER LONG S}am"),
        ("kim", "\N{KELVIN SIGN}im"),
        (
            "copy",
            CYRILLIC_COPY,
        ),
        (CYRILLIC_COPY[:3], "cop"),
        ("admin", "\N{CYRILLIC SMALL LETTER A}dmin"),
        ("nobody-has-it", "\N{CYRILLIC SMALL LETTER A}dmin"),
    ],
)
def test_no_name_looks_like_another_s(make_user: Callable[..., User], letters: Letters, taken: str, name: str) -> None:
    make_user(taken)
    page = post(REGISTER, FORM | {"username": name})

    assert page.status_code == 200
    assert "username" in page.context["form"].errors
    assert letters == []


@pytest.mark.parametrize(
    "name",
    [
        "vera",
        VERA.lower(),
        "vera.1-x_y",
    ],
)
def test_a_name_of_one_alphabet_is_taken(letters: Letters, name: str) -> None:
    assert post(REGISTER, FORM | {"username": name}).status_code == 302
    assert len(letters) == 1


# ---- words of strangers ----


@pytest.mark.parametrize(
    "name",
    [
        "You won! Visit https://evil.example/win",
        "www evil",
        "evil.example",
        "evil\N{IDEOGRAPHIC FULL STOP}example",
        "evil\N{FULLWIDTH FULL STOP}example",
        "mailto:eve@evil.example",
        "call 0900123456",
        "call 0900 123-456",
        "//evil",
        "a" * 41,
        "Ada\N{RIGHT-TO-LEFT OVERRIDE}moc.live",
        "Ada\nBcc: x@evil.example",
    ],
)
@pytest.mark.parametrize("send", SEND)
def test_no_letter_says_what_a_stranger_chose_to_say(
    make_user: Callable[..., User], send: Callable[..., None], name: str
) -> None:
    send(make_user(first_name=name).pk, message_id="one")
    letter: Any = outbox.outbox[0]
    assert "ada" in letter.body.splitlines()[0]
    for text in (letter.subject, letter.body, letter.alternatives[0].content):
        assert "evil" not in text
        assert "0900" not in text
        assert "a" * 41 not in text


@pytest.mark.parametrize(
    ("username", "shown"),
    [
        ("ada", "ada"),
        ("ada.lovelace", "ada lovelace"),
        ("win@evil.example", "win evil example"),
        ("www.evil.example", "www evil example"),
        ("call+0900123456", "call"),
        ("visitor-12345678", "visitor-12345678"),
        ("b" * 150, "b" * 40),
    ],
)
def test_a_user_name_is_no_link_either(username: str, shown: str) -> None:
    assert names.in_letters(User(username=username)) == shown


@pytest.mark.parametrize(
    "name",
    [
        "Ada Lovelace",
        "Jean-Luc O\N{RIGHT SINGLE QUOTATION MARK}Neil",
        "J. R. R. Tolkien",
        VERA,
    ],
)
def test_a_usual_name_is_greeted(name: str) -> None:
    assert names.in_letters(User(username="x", first_name=name)) == name
