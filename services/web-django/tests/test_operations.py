"""The service's interface for Nginx, Docker and operators."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING

import pytest
from accounts.models import User
from django.contrib.staticfiles.finders import find
from django.core.management import CommandError, call_command
from django.db import OperationalError
from mysite.management.commands import release
from news.models import Article

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.test import Client


def test_it_lives_without_any_dependency(client: Client) -> None:
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (200, b"ok\n")


def test_a_browser_finds_the_icon_where_a_page_names_none(client: Client) -> None:
    response = client.get("/favicon.ico")
    assert response.status_code == 302
    assert find(response["Location"].removeprefix("/static/"))


def test_the_admin_s_page_for_periodic_tasks_has_its_scripts_in_files(admin_client: Client) -> None:
    page = admin_client.get("/admin/django_celery_beat/periodictask/add/").content.decode()
    assert "mysite/crontab.js" in page
    assert not re.search(r"<script(?![^>]*(src=|application/json))", page)


@pytest.mark.django_db
def test_it_prepares_a_release_and_changes_nothing_the_second_time() -> None:
    first, second = io.StringIO(), io.StringIO()
    call_command("release", verbosity=0, stdout=first)
    article_count = Article.objects.count()
    call_command("release", verbosity=0, stdout=second)
    assert "administrator admin: made" in first.getvalue()
    assert "administrator admin: there already" in second.getvalue()
    assert "articles made: 0" in second.getvalue()
    assert User.objects.get().is_superuser
    assert Article.objects.count() == article_count > 0


@pytest.mark.django_db
def test_it_says_in_one_line_why_a_release_cannot_be_prepared(
    make_user: Callable[..., User], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user("admin")
    with pytest.raises(CommandError, match="ADMIN_USER: 'admin' is an ordinary user"):
        call_command("release", verbosity=0)

    def fail(*_: object, **__: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(release, "call_command", fail)
    with pytest.raises(CommandError, match="the database does not answer: connection refused"):
        call_command("release", verbosity=0)
