"""A mail server that hangs holds up letters, and nothing else; health names the lane that stands still."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.support.forms import reasons, wait_ready
from tests.support.outbox import query
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.site import Site
    from tests.support.stack import Stack

#: More than the worker of letters has threads, and than the other one has processes.
LETTERS, TASKS = 8, 5

_WRITE = """
from accounts.models import User
from accounts.tasks import send_welcome
for number in range({number}):
    user = User.objects.create(username=f"hangs-{{number}}", email=f"hangs-{{number}}@example.com")
    send_welcome.delay(user.pk)
"""

#: Letters that wait are made to have done so for longer than a lane may stand still.
_LATE = """
    UPDATE outbox.task SET due_at = due_at - interval '1 hour', created_at = created_at - interval '1 hour'
    WHERE queue = 'web.mail' AND completed_at IS NULL AND dead_at IS NULL;
    UPDATE outbox.task SET completed_at = completed_at - interval '10 min' WHERE queue = 'web.mail';
    UPDATE outbox.task SET dead_at = dead_at - interval '10 min' WHERE queue = 'web.mail';
"""


def open_letters(stack: Stack) -> int:
    count = "SELECT count(*) FROM outbox.task WHERE queue = 'web.mail' AND completed_at IS NULL AND dead_at IS NULL"
    return int(query(stack, count)[0][0])


def wait_for_sum(site: Site, location: str) -> None:
    wait_until(lambda: site.result(location) is not None, 60, "a sum", interval=0.02)


def test_a_mail_server_that_hangs_delays_no_other_task_and_its_lane_is_named(ready: Stack, site: Site) -> None:
    ready.pause("mail")
    write = _WRITE.format(number=LETTERS)
    ready.execute("web-django", "python", "manage.py", "shell", "-c", write)
    delays = []
    for number in range(TASKS):
        started = time.monotonic()
        wait_for_sum(site, site.send_task(number, number).headers["Location"])
        delays.append(time.monotonic() - started)
    assert open_letters(ready) == LETTERS, "the server hangs, and every other task was done"
    print(f"with {LETTERS} letters to a mail server that hangs, {TASKS} tasks took {max(delays) * 1000:.0f} ms at most")

    query(ready, _LATE)
    wait_until(lambda: site.get("/readyz").json()["warnings"] == ["outbox"], 10, "a warning")
    wait_ready(ready)  # a deploy must not be refused for somebody else's server
    assert "web.mail" in reasons(ready)["dependencies"]["outbox"]["warning"]

    ready.unpause("mail")
    wait_until(lambda: open_letters(ready) == 0, 60, lambda: f"{open_letters(ready)} letters to leave")
    wait_until(lambda: site.get("/readyz").json()["warnings"] == [], 10, "no warning any more")
