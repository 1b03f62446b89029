"""The timetable of the previous release still works, and stays unchanged for a rollback."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from mysite.celery import app
from mysite.former import ELSEWHERE, FORMER
from mysite.schedule import ensure_timetable
from mysite.scheduler import CLEANUP, Scheduler

from tests.running import run_next

if TYPE_CHECKING:
    from collections.abc import Iterator

    from landfast_testing.outbox import Outbox

#: The timetable of ``mysite.schedule`` in the previous release.
TIMETABLE = {
    "Sign of life": "tasks.maintenance.heartbeat",
    "Pictures that are missing": "tasks.maintenance.make_missing_thumbnails",
    "Weekly digest": "tasks.maintenance.send_digest",
    "Remove expired drafts": "tasks.maintenance.remove_expired_drafts",
    "Remove expired uploads": "tasks.maintenance.remove_expired_uploads",
    "Remove old tasks' ids": "tasks.maintenance.remove_old_tasks",
    "Remove dead logins": "tasks.maintenance.remove_dead_sessions",
}


@pytest.fixture
def beat(transactional_db: None) -> Iterator[Scheduler]:  # noqa: ARG001 - opens the database
    """Beat with the timetable of the previous release, with all entries due each minute."""
    app.loader.import_default_modules()
    interval = IntervalSchedule.objects.create(every=1, period=IntervalSchedule.MINUTES)
    for name, task in TIMETABLE.items():
        PeriodicTask.objects.create(name=name, task=task, interval=interval)
    made = Scheduler(app=app, lazy=True)
    yield made
    made.close()


def send(beat: Scheduler, name: str) -> None:
    """Send an entry's task as if it were due."""
    assert beat.may_send()
    beat.apply_async(beat.schedule[name], advance=False)


def test_a_release_leaves_the_timetable_as_the_one_before_knows_it(beat: Scheduler) -> None:
    ensure_timetable()
    beat.setup_schedule()

    found = PeriodicTask.objects.filter(enabled=True).values_list("name", "task")
    assert {name: task for name, task in found if name in TIMETABLE} == TIMETABLE
    assert not {task for _, task in found} - set(TIMETABLE.values())


def test_beat_passes_over_what_other_applications_time_themselves(beat: Scheduler) -> None:
    assert {entry.task for entry in beat.schedule.values()} == set(TIMETABLE.values()) - set(ELSEWHERE)


def test_beat_clears_no_results_away_though_the_release_before_did(beat: Scheduler) -> None:
    """This entry expires, which a durable task refuses."""
    PeriodicTask.objects.create(name=CLEANUP, task=CLEANUP, interval=IntervalSchedule.objects.get(), expire_seconds=60)

    assert CLEANUP not in beat.schedule


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize("name", [name for name, task in TIMETABLE.items() if task not in ELSEWHERE])
def test_an_entry_of_the_release_before_runs_the_task_of_now(beat: Scheduler, outbox: Outbox, name: str) -> None:
    send(beat, name)
    run_next()

    [handed_on] = outbox.tasks[1:]
    assert (handed_on.name, handed_on.queue, handed_on.arguments) == (FORMER[TIMETABLE[name]], "web", [])


@pytest.mark.usefixtures("at_work")
@pytest.mark.parametrize(
    ("former", "arguments", "queue"),
    [
        ("tasks.mail.send_newsletter", [7], "web"),
        ("tasks.mail.send_newsletter_copy", [7, 8], "web.bulk"),
        ("tasks.mail.send_welcome", [7], "web.mail"),
    ],
)
def test_an_entry_of_the_admin_s_own_keeps_its_arguments_and_goes_to_the_queue_of_now(
    beat: Scheduler, outbox: Outbox, former: str, arguments: list[int], queue: str
) -> None:
    interval = IntervalSchedule.objects.get()
    PeriodicTask.objects.create(name="Ours", task=former, interval=interval, args=json.dumps(arguments))

    send(beat, "Ours")
    run_next()

    [handed_on] = outbox.tasks[1:]
    assert (handed_on.name, handed_on.queue, handed_on.arguments) == (FORMER[former], queue, arguments)


def test_every_former_name_stands_for_a_task_that_there_is() -> None:
    app.loader.import_default_modules()

    assert set(FORMER) <= set(app.tasks)
    assert set(FORMER.values()) <= set(app.tasks) - set(FORMER)
