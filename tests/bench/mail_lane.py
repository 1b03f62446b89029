#!/usr/bin/env python3
"""Measure how long other tasks take while a mail server hangs: ``python3 tests/bench/mail_lane.py``.

Drives the stack of this checkout that runs (``COMPOSE_PROJECT_NAME`` and ``HTTP_PORT`` name another): pauses the inbox,
writes letters to it and times additions meanwhile, once with the letters in the queue of all other tasks, as before
they had a lane, and once in their lane. ``SMTP_REPLY_TIMEOUT=20 ./stack up`` makes the first as short as it was then.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Letters to a server that hangs, and additions meanwhile, a second apart.
LETTERS, ADDITIONS = 8, 10
#: Seconds that all of them may take, and between two looks at a result.
LONGEST, LOOK = 900.0, 0.01

LANES = {"before": "tasks", "with a lane": "web.mail"}

WRITE = """
from accounts.models import User
from accounts.tasks import send_welcome
for number in range({letters}):
    name = f"bench-{{number}}"
    user, _ = User.objects.get_or_create(username=name, defaults={{"email": f"{{name}}@example.com"}})
    send_welcome.apply_async((user.pk,), queue="{queue}")
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


def ask(address: str, document: object = None) -> dict[str, Any]:
    """Ask the API, with a body if there is one, and return its answer."""
    body = None if document is None else json.dumps(document).encode()
    headers = {"Content-Type": "application/json"} if body else {}
    with urllib.request.urlopen(urllib.request.Request(address, body, headers), timeout=60) as answer:  # noqa: S310
        answered: dict[str, Any] = json.load(answer)
    return answered


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


def additions(url: str) -> list[float]:
    """Return the seconds from sending until its result was there, for each addition."""
    waiting: dict[str, float] = {}
    delays: list[float] = []
    began = time.monotonic()
    for number in range(ADDITIONS):
        while time.monotonic() < began + number:
            time.sleep(LOOK)
        task = ask(f"{url}/api/v1/tasks/add", {"x": number, "y": 1})["id"]
        waiting[task] = time.monotonic()
    while waiting and time.monotonic() < began + LONGEST:
        for task, sent in list(waiting.items()):
            if ask(f"{url}/api/v1/tasks/{task}")["ready"]:
                delays.append(time.monotonic() - sent)
                del waiting[task]
        time.sleep(LOOK)
    return delays + [LONGEST] * len(waiting)


def main() -> None:
    """Measure both ways, and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=tuple(LANES), help="one way alone")
    only = parser.parse_args().only
    url = f"http://localhost:{os.environ.get('HTTP_PORT', '8080')}"
    for way, queue in LANES.items():
        if only in {None, way}:
            with hanging():
                shell(WRITE.format(letters=LETTERS, queue=queue))
                delays = additions(url)
            found = f"{statistics.median(delays):.2f} s in the middle, {max(delays):.2f} s at most"
            print(f"{way}: {ADDITIONS} additions with {LETTERS} letters to a server that hangs: {found}", flush=True)
    shell(CLEAN)


if __name__ == "__main__":
    main()
