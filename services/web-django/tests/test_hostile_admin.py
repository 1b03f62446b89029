"""Hostile addresses and selections in the admin: each of them ends in a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.test import Client
from news.models import Category

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(make_user: Callable[..., User]) -> Client:
    """An administrator's browser."""
    client = Client(raise_request_exception=False)
    client.force_login(make_user("boss", is_staff=True, is_superuser=True))
    return client


FILTERS = [
    "published_at__year=99999999999",
    "published_at__year=9999",
    "published_at__year=9999&published_at__month=12",
    "published_at__day=31&published_at__month=12&published_at__year=9999",
    "published_at__year=x",
]


@pytest.mark.parametrize("query", FILTERS)
def test_the_admin_shows_everything_where_a_filter_means_nothing(admin: Client, query: str) -> None:
    response = admin.get(f"/admin/news/article/?{query}")
    assert (response.status_code, response["Location"]) == (302, "/admin/news/article/?e=1")
    assert admin.get(response["Location"]).status_code == 200


@pytest.mark.django_db(transaction=True)
def test_the_admin_shows_everything_where_the_database_cannot_read_a_filter(admin: Client) -> None:
    response = admin.get("/admin/news/article/?title__regex=(")
    assert (response.status_code, response["Location"]) == (302, "/admin/news/article/?e=1")


def test_the_admin_does_not_hide_a_fault_of_its_own(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr("news.admin.articles.ArticleAdmin.get_queryset", fail)
    assert admin.get("/admin/news/article/").status_code == 500


@pytest.mark.parametrize("model", ["news/article", "news/comment", "accounts/user", "news/tag"])
@pytest.mark.parametrize("query", ["status__exact=%00", "status=%00", "q=%00", "title=%00", "%00=1"])
def test_the_admin_filters_by_no_nul(admin: Client, model: str, query: str) -> None:
    assert admin.get(f"/admin/{model}/?{query}").status_code == 400


@pytest.mark.parametrize("chosen", ["\0", "x", "9" * 5000, "", "1.5"])
@pytest.mark.parametrize(
    "model", ["news/article", "accounts/user", "axes/accessattempt", "django_celery_beat/periodictask"]
)
def test_the_admin_selects_no_row_that_cannot_exist(admin: Client, model: str, chosen: str) -> None:
    response = admin.post(f"/admin/{model}/", {"action": "delete_selected", "_selected_action": chosen})
    assert response.status_code == 400
    assert "There is no row" in response.text


@pytest.mark.parametrize("query", ["category=x", "author=%2D", "tags=x,1", "published_at=x", "category=" + "9" * 5000])
def test_the_admin_begins_a_row_without_values_that_make_no_sense(admin: Client, query: str) -> None:
    assert admin.get(f"/admin/news/article/add/?{query}").status_code == 200


@pytest.mark.parametrize("chosen", ["[", "\0", "x", "9" * 5000, "9" * 30, ""])
@pytest.mark.parametrize("field", ["author", "category", "tags"])
@pytest.mark.parametrize("typed", ["", "Knots"])
def test_the_admin_says_in_the_form_that_a_row_cannot_be_chosen(
    admin: Client, typed: str, field: str, chosen: str
) -> None:
    response = admin.post("/admin/news/article/add/", {"title": typed, field: chosen, "_save": "Save"})
    assert response.status_code == 200
    assert "errorlist" in response.text


def test_the_admin_shows_the_row_that_was_chosen_again(admin: Client) -> None:
    ropes = Category.objects.create(name="Ropes", slug="ropes")
    response = admin.post("/admin/news/article/add/", {"category": ropes.pk, "_save": "Save"})
    assert f'<option value="{ropes.pk}" selected>' in response.text


def test_the_admin_begins_a_row_with_the_values_of_the_address(admin: Client) -> None:
    response = admin.get("/admin/news/article/add/?title=Knots&published_at=2026-01-02+03:04:05&other=1")
    form = response.text
    assert 'value="Knots"' in form
    assert 'value="2026-01-02"' in form
    assert 'value="03:04:05"' in form
