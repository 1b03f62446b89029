"""Beat's timetable: created once, and changed only in the admin from then on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.db import connection
from django.urls import reverse
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from landfast_outbox.lease import LeaseLostError
from landfast_runtime.worker.scheduler import RETRY
from mysite.celery import app
from mysite.schedule import TIMETABLE, ensure_timetable
from mysite.scheduler import Scheduler

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accounts.models import User
    from django.test import Client
    from landfast_testing.outbox import Outbox

pytestmark = pytest.mark.django_db


def test_it_stores_every_entry_once() -> None:
    assert ensure_timetable() == len(TIMETABLE)
    assert ensure_timetable() == 0
    assert {entry.name for entry in TIMETABLE} <= set(PeriodicTask.objects.values_list("name", flat=True))


def test_it_leaves_what_the_admin_changed() -> None:
    ensure_timetable()
    digest = PeriodicTask.objects.get(name="Weekly digest")
    crontab = digest.crontab
    assert crontab is not None
    crontab.hour = "18"
    crontab.save()
    digest.enabled = False
    digest.save()

    ensure_timetable()

    digest.refresh_from_db()
    assert not digest.enabled
    assert digest.crontab.hour == "18"


def test_every_entry_names_a_task_that_workers_know() -> None:
    app.loader.import_default_modules()

    assert {entry.task for entry in TIMETABLE} <= set(app.tasks)


def test_a_superuser_changes_the_timetable_in_the_admin(client: Client, make_user: Callable[..., User]) -> None:
    ensure_timetable()
    client.force_login(make_user("root", is_staff=True, is_superuser=True))

    page = client.get(reverse("admin:django_celery_beat_periodictask_changelist"))

    assert page.status_code == 200
    assert "Weekly digest" in page.content.decode()


def test_an_editor_has_no_business_with_the_timetable(client: Client, editor: User) -> None:
    client.force_login(editor)

    assert client.get(reverse("admin:django_celery_beat_periodictask_changelist")).status_code == 403


TASK = "accounts.tasks.remove_dead_sessions"

#: Ends the sessions that have leases, as the server does for a host that is cut off.
END_LEASES = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity JOIN pg_locks USING (pid)
    WHERE locktype = 'advisory' AND application_name LIKE '%/web'
"""


@pytest.fixture
def two_beats(at_work: None) -> Iterator[tuple[Scheduler, Scheduler]]:  # noqa: ARG001 - registers the database
    """Two beats whose only entry is due."""
    app.loader.import_default_modules()
    PeriodicTask.objects.all().delete()
    interval = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.HOURS)
    entry = PeriodicTask.objects.create(name="Hourly", task=TASK, interval=interval)
    PeriodicTask.objects.filter(pk=entry.pk).update(last_run_at=entry.date_changed - timedelta(hours=2))
    made = (Scheduler(app=app, lazy=True), Scheduler(app=app, lazy=True))
    for each in made:
        each.producer = None  # durable tasks need none
    yield made
    for each in made:
        each.close()


@pytest.mark.django_db(transaction=True)
def test_a_beat_that_takes_over_knows_what_the_other_one_has_sent(
    two_beats: tuple[Scheduler, Scheduler], outbox: Outbox
) -> None:
    one, two = two_beats
    read_before = two.schedule["Hourly"]
    assert [one.tick(), two.tick()] == [0, RETRY]
    assert read_before.is_due()[0]
    before = PeriodicTask.objects.get().last_run_at

    with connection.cursor() as server:
        server.execute(END_LEASES)
    assert [two.tick() > 0, one.tick(), one.tick()] == [True, RETRY, RETRY]

    assert [task.name for task in outbox.tasks] == [TASK]
    one.sync()
    assert PeriodicTask.objects.get().last_run_at == before, "no beat overwrites the times of its successor"


@pytest.mark.django_db(transaction=True)
def test_a_run_that_was_not_sent_is_not_stored_as_one(two_beats: tuple[Scheduler, Scheduler], outbox: Outbox) -> None:
    one, _ = two_beats
    before = PeriodicTask.objects.get().last_run_at
    entry = one.schedule["Hourly"]
    assert one.may_send()
    with connection.cursor() as server:
        server.execute(END_LEASES)

    one.reserve(entry)
    with pytest.raises(LeaseLostError):
        one.apply_async(entry, advance=False)
    one.sync()

    assert (outbox.tasks, PeriodicTask.objects.get().last_run_at) == ([], before)
    assert [one.may_send(), one.may_send(), one.tick()] == [False, True, 0], "it is sent later"
    assert [task.name for task in outbox.tasks] == [TASK]
