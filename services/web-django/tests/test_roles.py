"""The roles of the newsroom."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.contrib.auth.models import Group, Permission
from news import roles
from news.models import Article, Comment
from news.roles import EDITOR, MODERATOR, ensure_roles

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User
    from django.test import Client

    MakeArticle = Callable[..., Article]
    MakeStaff = Callable[[str], User]

ARTICLES, COMMENTS, USERS = "/admin/news/article/", "/admin/news/comment/", "/admin/accounts/user/"
SUBSCRIBERS, NEWSLETTERS = "/admin/news/subscriber/", "/admin/news/newsletterissue/"


def sections(client: Client) -> set[str]:
    """Return the models on the admin's first page."""
    page = client.get("/admin/")
    return {model["object_name"] for app in page.context["app_list"] for model in app["models"]}


@pytest.mark.django_db
def test_it_gives_each_role_exactly_what_its_work_needs() -> None:
    assert ensure_roles() == 2

    def rights(role: str) -> set[str]:
        return set(Group.objects.get(name=role).permissions.values_list("codename", flat=True))

    assert rights(MODERATOR) == {"view_comment", "change_comment", "delete_comment"}
    assert rights(EDITOR) == {
        *(f"{do}_{what}" for do in ("view", "add", "change", "delete") for what in ("article", "category", "tag")),
        *(f"{do}_newsletterissue" for do in ("view", "add", "change", "delete", "send")),
        "publish_article",
        "view_comment",
        "view_rendition",
    }


@pytest.mark.django_db
def test_it_keeps_what_administrators_made_of_a_role() -> None:
    ensure_roles()
    group = Group.objects.get(name=MODERATOR)
    group.permissions.remove(Permission.objects.get(codename="delete_comment"))
    assert ensure_roles() == 0
    assert not group.permissions.filter(codename="delete_comment").exists()


@pytest.mark.django_db
def test_it_does_not_make_half_a_role(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(roles.ROLES, EDITOR, {"article": ("view", "juggle")})
    with pytest.raises(LookupError, match="there are no permissions juggle_article: migrate first"):
        ensure_roles()
    assert not Group.objects.exists()


def test_it_shows_a_moderator_comments_and_nothing_else(client: Client, make_staff: MakeStaff) -> None:
    client.force_login(make_staff(MODERATOR))
    assert sections(client) == {"Comment"}
    for address in (ARTICLES, USERS, SUBSCRIBERS, NEWSLETTERS):
        assert client.get(address).status_code == 403, address


def test_it_keeps_a_moderator_from_publishing(client: Client, make_staff: MakeStaff, make_article: MakeArticle) -> None:
    client.force_login(make_staff(MODERATOR))
    draft = make_article("Draft", status=Article.Status.DRAFT)
    chosen = {"action": "publish", "_selected_action": [str(draft.pk)]}
    assert client.post(ARTICLES, chosen).status_code == 403
    assert client.post(f"{ARTICLES}{draft.pk}/change/", {"title": "x", "status": "published"}).status_code == 403
    assert client.get(f"{ARTICLES}{draft.pk}/preview/").status_code == 403
    draft.refresh_from_db()
    assert draft.status == Article.Status.DRAFT


def test_it_keeps_an_editor_from_managing_users(client: Client, make_staff: MakeStaff) -> None:
    editor = make_staff(EDITOR)
    client.force_login(editor)
    assert sections(client) == {"Article", "Category", "Tag", "Comment", "NewsletterIssue"}
    for address in (USERS, f"{USERS}add/", f"{USERS}{editor.pk}/change/", SUBSCRIBERS):
        assert client.get(address).status_code == 403, address
    assert client.post(f"{USERS}{editor.pk}/change/", {"is_superuser": "on"}).status_code == 403
    editor.refresh_from_db()
    assert not editor.is_superuser
    # A choice of the author would list all accounts.
    finder = {"app_label": "news", "model_name": "article", "field_name": "author", "term": ""}
    assert client.get("/admin/autocomplete/", finder).status_code == 403


def test_it_keeps_an_editor_from_moderating(client: Client, make_staff: MakeStaff, make_article: MakeArticle) -> None:
    client.force_login(make_staff(EDITOR))
    comment = Comment.objects.create(article=make_article(), name="Bea", text="First!")
    assert "First!" in client.get(COMMENTS).content.decode()
    client.post(COMMENTS, {"action": "approve", "_selected_action": [str(comment.pk)]})
    comment.refresh_from_db()
    assert comment.status == Comment.Status.PENDING


def test_it_keeps_a_writer_without_that_right_from_publishing(
    client: Client, make_user: Callable[..., User], make_article: MakeArticle
) -> None:
    writer = make_user("writer", is_staff=True)
    rights = ("view_article", "add_article", "change_article", "delete_article")
    writer.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client.force_login(writer)
    draft = make_article("Draft", status=Article.Status.DRAFT)
    public = make_article("Public")

    page = client.get(f"{ARTICLES}{draft.pk}/change/").content.decode()
    assert 'name="title"' in page
    assert 'name="status"' not in page
    client.post(ARTICLES, {"action": "publish", "_selected_action": [str(draft.pk)]})
    client.post(f"{ARTICLES}{public.pk}/delete/", {"post": "yes"})
    draft.refresh_from_db()
    assert draft.status == Article.Status.DRAFT
    assert Article.objects.filter(pk=public.pk).exists(), "what readers see is not a writer's to delete"


def test_it_keeps_readers_out(client: Client, make_user: Callable[..., User], make_article: MakeArticle) -> None:
    draft = make_article("Draft", status=Article.Status.DRAFT)
    for log_in in (False, True):
        if log_in:
            client.force_login(make_user("reader"))
        for address in ("/admin/", ARTICLES, f"{ARTICLES}{draft.pk}/preview/"):
            response = client.get(address)
            assert response.status_code == 302, address
            assert response["Location"].startswith("/admin/login/")
