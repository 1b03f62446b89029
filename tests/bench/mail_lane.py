#!/usr/bin/env python3
"""Measure how long other tasks take while a mail server hangs: ``python3 tests/bench/mail_lane.py``.

Drives the stack of this checkout that runs (``COMPOSE_PROJECT_NAME`` names another): pauses the inbox, writes letters
to it and times the site's other tasks meanwhile, once with the letters in the queue of these, as before they had a
lane, and once in their lane. ``SMTP_REPLY_TIMEOUT=20 ./stack up`` makes the first as short as it was then.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Letters to a server that hangs, and other tasks meanwhile, a second apart.
LETTERS, OTHER_TASKS = 8, 10
#: Seconds that all of them may take.
LONGEST = 900.0

LANES = {"before": "web", "with a lane": "web.mail"}

WRITE = """
from accounts.models import User
from accounts.tasks import send_welcome
for number in range({letters}):
    name = f"bench-{{number}}"
    user, _ = User.objects.get_or_create(username=name, defaults={{"email": f"{{name}}@example.com"}})
    send_welcome.apply_async((user.pk,), queue="{queue}")
"""
#: Sends the site's other tasks, waits until they have ended, and prints how long each took.
OTHERS = """
import json, time
from django.db import connection
from news.tasks import remove_expired_drafts
began, sent = time.monotonic(), []
for number in range({count}):
    time.sleep(max(began + number - time.monotonic(), 0))
    sent.append(str(remove_expired_drafts.delay().id))
def took():
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM coalesce(completed_at, now()) - created_at)::float, "
            "completed_at IS NULL FROM outbox.task WHERE id = ANY(%s::uuid[])", [sent])
        return cursor.fetchall()
while any(waits for _, waits in took()) and time.monotonic() < began + {longest}:
    time.sleep(0.2)
print(json.dumps([seconds for seconds, _ in took()], separators=(",", ":")))
"""
CLEAN = "from accounts.models import User; User.objects.filter(username__startswith='bench-').delete()"
#: Letters that have not come to their end.
OPEN = """
from django.db import connection
with connection.cursor() as cursor:
    cursor.execute("SELECT count(*) FROM outbox.task WHERE name = 'accounts.tasks.send_welcome' "
        "AND completed_at IS NULL AND dead_at IS NULL")
    print(cursor.fetchone()[0])
"""


def compose(*arguments: str) -> str:
    """Run one command of Compose and return what it said."""
    command = ["docker", "compose", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def shell(script: str) -> str:
    """Run Python in the site's container and return the last word that it printed."""
    said = compose("exec", "-T", "web-django", "python", "manage.py", "shell", "-v0", "-c", script).split()
    return said[-1] if said else ""


@contextmanager
def hanging() -> Iterator[None]:
    """Let the inbox hang for the time of the block, and wait until all letters have left after it."""
    compose("pause", "mail")
    try:
        yield
    finally:
        compose("unpause", "mail")
        while shell(OPEN) != "0":
            time.sleep(1)


def delays() -> list[float]:
    """Return the seconds from sending to the end, for each of the site's other tasks."""
    found: list[float] = json.loads(shell(OTHERS.format(count=OTHER_TASKS, longest=LONGEST)))
    return found


def main() -> None:
    """Measure both ways, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(LANES), help="one way alone")
    only = parser.parse_args().only
    for way, queue in LANES.items():
        if only in {None, way}:
            with hanging():
                shell(WRITE.format(letters=LETTERS, queue=queue))
                taken = delays()
            found = f"{statistics.median(taken):.2f} s in the middle, {max(taken):.2f} s at most"
            print(
                f"{way}: {OTHER_TASKS} other tasks with {LETTERS} letters to a server that hangs: {found}", flush=True
            )
    shell(CLEAN)


if __name__ == "__main__":
    main()
