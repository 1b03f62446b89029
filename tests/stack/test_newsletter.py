"""A newsletter to many: letters to one person do not queue up behind it, and no reader gets it twice."""

from __future__ import annotations

import re
from secrets import token_hex
from typing import TYPE_CHECKING

from tests.support.killing import kill, wait_restarted
from tests.support.outbox import query
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.conftest import Person
    from tests.support.inbox import Inbox
    from tests.support.site import Site
    from tests.support.stack import Stack

#: Some ten seconds' work for one worker: time enough for another letter, and for a kill in the midst.
READERS = 200

#: Letters that are on their way at once: of each the server may have had the end when the worker was killed.
AT_ONCE = 4

_SEND = """
from django.utils import timezone
from news.models import NewsletterIssue, Subscriber
from news.tasks import send_newsletter
addresses = [f"reader-{{number}}@{mark}.example" for number in range({readers})]
Subscriber.objects.bulk_create(Subscriber(email=address, confirmed_at=timezone.now()) for address in addresses)
issue = NewsletterIssue.objects.create(subject="Tides {mark}", body="High water at noon.")
send_newsletter.delay(issue.pk)
"""


def test_it_reaches_every_reader_once_and_delays_nobody_s_letter(
    ready: Stack, site: Site, inbox: Inbox, person: Person
) -> None:
    mark = token_hex(4)

    def copies() -> list[str]:
        return [mail.recipients[0] for mail in inbox.mails() if mail.subject == f"Tides {mark}"]

    ready.execute("web-django", "python", "manage.py", "shell", "-c", _SEND.format(mark=mark, readers=READERS))
    wait_until(copies, 60, "the first copies", interval=0.5)
    assert site.register(person.name, person.email, person.password).status_code == 302
    inbox.wait_for_mail(person.email)
    assert len(copies()) < READERS, "the welcome mail came with the newsletter still going out"

    wait_restarted(ready, "web-mail", kill(ready, "web-mail"))
    # A copy that the server may have had is not sent again by itself: it is a dead letter, for somebody to look.
    wait_until(
        lambda: len(set(copies())) + len(in_doubt(ready)) >= READERS,
        180,
        lambda: f"{len(set(copies()))} of {READERS} readers, {len(in_doubt(ready))} in doubt",
        interval=1,
    )

    letters = [mail for mail in inbox.mails() if mail.subject == f"Tides {mark}"]
    assert all(re.fullmatch(rf"reader-\d+@{mark}\.example", mail.recipients[0]) for mail in letters)
    assert len(in_doubt(ready)) <= AT_ONCE
    assert len({mail.key for mail in letters}) == len(letters), "no letter left twice"
    for copy in in_doubt(ready):
        ready.execute("relay", "python", "-m", "landfast_outbox", "dead", "redrive", copy)
    wait_until(lambda: len(set(copies())) == READERS, 60, "those in doubt, once somebody says so")


def in_doubt(stack: Stack) -> list[str]:
    """Return the ids of copies that may have been taken when their worker was killed."""
    found = "SELECT id FROM outbox.task WHERE dead_at IS NOT NULL AND name = 'news.tasks.send_newsletter_copy'"
    return [row[0] for row in query(stack, found)]
