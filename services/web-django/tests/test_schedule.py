"""Beat's timetable: created once, and changed only in the admin from then on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.urls import reverse
from django_celery_beat.models import PeriodicTask
from mysite.celery import app
from mysite.schedule import TIMETABLE, ensure_timetable

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User
    from django.test import Client

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
