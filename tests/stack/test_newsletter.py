"""A newsletter to many: letters to one person do not queue up behind it, and every reader gets it once."""

from __future__ import annotations

import re
from secrets import token_hex
from typing import TYPE_CHECKING

from tests.support.killing import kill, wait_restarted
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.conftest import Person
    from tests.support.inbox import Inbox
    from tests.support.site import Site
    from tests.support.stack import Stack

#: Some ten seconds' work for one worker: time enough for another letter, and for a kill in the midst.
READERS = 200

#: Processes of the worker: each may have been about to note down that a letter has left when it was killed.
AT_ONCE = 2

_SEND = """
from django.utils import timezone
from news.models import NewsletterIssue, Subscriber
from tasks.mail import send_newsletter
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

    wait_restarted(ready, "worker", kill(ready, "worker"))
    wait_until(
        lambda: len(set(copies())) == READERS, 180, lambda: f"{len(set(copies()))} of {READERS} readers", interval=1
    )

    letters = [mail for mail in inbox.mails() if mail.subject == f"Tides {mark}"]
    assert all(re.fullmatch(rf"reader-\d+@{mark}\.example", mail.recipients[0]) for mail in letters)
    assert len({mail.key for mail in letters}) == READERS, "a letter that left twice has the same Message-ID"
    assert len(letters) <= READERS + AT_ONCE
