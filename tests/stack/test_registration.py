"""Registering: the page answers at once, a worker sends the mail."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from tests.conftest import Person
    from tests.support.inbox import Inbox
    from tests.support.site import Site
    from tests.support.stack import Stack

#: Seconds within which the page must answer though the mail server does not, on an idle reference machine.
PATIENCE_OF_A_VISITOR = 3


def test_it_sends_a_welcome_mail_that_a_worker_delivers(site: Site, inbox: Inbox, person: Person) -> None:
    response = site.register(person.name, person.email, person.password)

    assert response.status_code == 302
    mail = inbox.wait_for_mail(person.email)
    assert mail.subject == "Welcome aboard"
    assert mail.recipients == (person.email,)
    assert person.name in mail.text
    assert person.name in mail.html
    assert site.url in mail.text, "the mail leads back to the site"


def test_the_letter_s_link_verifies_the_address_once(member: Site, inbox: Inbox, person: Person) -> None:
    assert "not confirmed yet" in member.get("/accounts/profile/").text
    link = re.search(r"/accounts/verify/\S+/", inbox.wait_for_mail(person.email).text)
    assert link

    assert member.submit(link[0], {}).status_code == 302
    assert "not confirmed yet" not in member.get("/accounts/profile/").text
    assert member.get(link[0]).status_code == 410


def test_it_locks_a_guesser_out_whatever_address_they_claim(site: Site, person: Person) -> None:
    for attempt in range(5):
        site.session.headers["X-Forwarded-For"] = f"203.0.113.{attempt}"
        response = site.submit("/accounts/login/", {"username": person.name, "password": f"guess {attempt}"})

    assert response.status_code == 429
    assert "locked" in response.text
    assert int(response.headers["Retry-After"]) > 0


def test_it_logs_the_new_member_in_and_shows_the_profile(member: Site, person: Person) -> None:
    profile = member.get("/accounts/profile/")

    assert profile.status_code == 200
    assert person.email in profile.text


def test_it_lets_the_member_log_in_again(member: Site, site: Site, person: Person) -> None:
    assert member.get("/accounts/profile/").status_code == 200

    site.log_in(person.name, person.password)

    assert person.name in site.get("/accounts/profile/").text


def test_it_refuses_a_name_that_is_taken_whatever_its_case(member: Site, site: Site, person: Person) -> None:
    assert member.get("/accounts/profile/").status_code == 200

    response = site.register(person.name.upper(), f"other-{person.email}", person.password)

    assert response.status_code == 200
    assert "already exists" in response.text


def test_it_sends_no_mail_when_the_form_was_refused(site: Site, inbox: Inbox, person: Person) -> None:
    response = site.register(person.name, person.email, "12345")

    assert response.status_code == 200
    site.register(f"{person.name}-again", f"again-{person.email}", person.password)
    inbox.wait_for_mail(f"again-{person.email}")
    assert not inbox.mails_to(person.email)


def test_it_never_lets_the_page_wait_for_the_mail_server(
    ready: Stack, site: Site, inbox: Inbox, person: Person
) -> None:
    ready.pause("mail")
    started = time.monotonic()
    response = site.register(person.name, person.email, person.password)
    waited = time.monotonic() - started
    ready.unpause("mail")

    assert response.status_code == 302
    assert waited < PATIENCE * PATIENCE_OF_A_VISITOR
    assert inbox.wait_for_mail(person.email, timeout=60)


def test_it_shows_a_letter_that_waits_for_the_mail_server_and_sends_it_later(
    ready: Stack, site: Site, operator: Site, inbox: Inbox, person: Person
) -> None:
    ready.stop("mail")
    started = time.monotonic()
    response = site.register(person.name, person.email, person.password)
    waited = time.monotonic() - started

    assert response.status_code == 302
    assert waited < PATIENCE * PATIENCE_OF_A_VISITOR
    task, letter = wait_until(lambda: waiting_letter(operator), 60, "a letter that waits, in Flower")
    assert re.search(r"(gai|Connection|Timeout|OS)\w*(Error)?\(", letter["exception"]), letter

    ready.start("mail")
    assert inbox.wait_for_mail(person.email, timeout=120).subject == "Welcome aboard"
    wait_until(lambda: letter_in_flower(operator, task)["state"] == "SUCCESS", 20, "its success in Flower")
    assert len(inbox.mails_to(person.email)) == 1


def waiting_letter(operator: Site) -> tuple[str, dict[str, Any]] | None:
    """Return id and state of the welcome mail that Flower shows as one to be tried again, none without any.

    One that merely came before its account was committed is tried again, too: it waits for nobody's mail server.
    """
    tasks = operator.get("/flower/vhost/web/api/tasks").json()
    waiting = (
        (task, shown)
        for task, shown in tasks.items()
        if shown["state"] == "RETRY" and "no account" not in shown["exception"]
    )
    return next(((task, shown) for task, shown in waiting if shown["name"] == "accounts.tasks.send_welcome"), None)


def letter_in_flower(operator: Site, task: str) -> dict[str, Any]:
    """Return what Flower shows of a task."""
    shown: dict[str, Any] = operator.get("/flower/vhost/web/api/tasks").json()[task]
    return shown
