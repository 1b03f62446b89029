"""``./stack backup`` and ``./stack restore``: everything is deleted, and comes back as it was at a moment."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.support import outbox
from tests.support.command import run
from tests.support.forms import wait_ready
from tests.support.site import Site
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.stack import Stack

# All services stop and start again, which takes as long as a start of the whole stack.
pytestmark = pytest.mark.long

#: How many tasks wait while the backup is made.
TASKS = 20
DONE = "SELECT count(*), count(completed_at), sum(result::int) FROM outbox.task WHERE id IN ({ids})"
MEDIA = "find /var/lib/media -type f -exec sha256sum {} +"


def succeed(stack: Stack, *arguments: str) -> str:
    """Run ``./stack``, and return what it says."""
    done = run(stack, *arguments)
    assert done.returncode == 0, done.stdout
    return done.stdout


def test_what_was_deleted_comes_back_and_each_waiting_task_is_done_once(ready: Stack) -> None:
    site = Site(ready.http_url)
    ready.stop("worker")
    tasks = [site.send_task(number, 1).headers["Location"] for number in range(TASKS)]
    articles = outbox.query(ready, "SELECT count(*), sum(id) FROM web.news_article")
    media = set(ready.execute("web-worker", "sh", "-c", MEDIA).splitlines())

    succeed(ready, "backup", "--name", "before-the-end")
    assert "before-the-end" in succeed(ready, "backup", "list")
    outbox.query(ready, "TRUNCATE web.news_article CASCADE; DELETE FROM outbox.task")
    ready.execute("web-worker", "sh", "-c", "rm -r /var/lib/media/*")
    assert "with --yes" in run(ready, "restore", "--to", "before-the-end").stdout
    assert outbox.query(ready, "SELECT count(*) FROM web.news_article") == [["0"]], "nothing is restored unasked"
    said = succeed(ready, "restore", "--to", "before-the-end", "--yes")

    assert "PostgreSQL is back as of" in said
    wait_ready(ready)
    assert outbox.query(ready, "SELECT count(*), sum(id) FROM web.news_article") == articles
    # A worker may have made more pictures of the articles meanwhile.
    assert media
    assert set(ready.execute("web-worker", "sh", "-c", MEDIA).splitlines()) >= media
    ids = ", ".join(f"'{location.rpartition('/')[2]}'" for location in tasks)
    done = DONE.format(ids=ids)
    expected = [[str(TASKS), str(TASKS), str(sum(range(1, TASKS + 1)))]]
    wait_until(lambda: outbox.query(ready, done) == expected, 60, lambda: str(outbox.query(ready, done)))


def test_a_drill_finds_the_backup_as_recorded_and_a_changed_byte_in_it(ready: Stack) -> None:
    succeed(ready, "backup", "--full")

    assert "are as recorded" in succeed(ready, "drill")

    spoil = (
        "file=$(find /var/lib/backup/postgres/backup/main/*F/bundle -type f | sort | tail -n 1);"
        'size=$(stat --format=%s "$file"); printf X | dd of="$file" bs=1 seek=$((size / 2)) conv=notrunc status=none'
    )
    ready.compose("--profile=backup", "run", "--rm", "--no-deps", "-T", "--entrypoint=sh", "backup", "-c", spoil)
    failed = run(ready, "drill")
    assert failed.returncode != 0
    assert '"landfast_drill_success": 0' in failed.stdout


def test_moments_that_cannot_be_restored_are_refused_and_nothing_stops(ready: Stack) -> None:
    before = ready.healthy_containers()

    assert "is before the end of the first backup" in run(ready, "restore", "--at", "2000-01-01 00:00+00").stdout
    assert "is in the future" in run(ready, "restore", "--at", "2100-01-01 00:00+00").stdout
    assert "has the name nowhere" in run(ready, "restore", "--to", "nowhere").stdout
    # Between two backups a laptop archives nothing: a file of the log that nobody keeps is a gap.
    for _ in range(2):
        outbox.query(ready, "SELECT pg_current_xact_id()")
        outbox.query(ready, "SELECT pg_switch_wal()")
    moment = f"{datetime.now(UTC) - timedelta(seconds=1):%Y-%m-%d %H:%M:%S}+00"
    assert "the archive ends at" in run(ready, "restore", "--at", moment, "--yes").stdout
    assert ready.healthy_containers() == before
