"""Writing by ``/rest/``, and its permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from django.test import Client
from mysite.rest.models import Token
from news.models import Article, Category, Comment, Tag
from rest_framework.test import APIClient

from tests.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User

    MakeArticle = Callable[..., Article]
    MakeUser = Callable[..., User]

pytestmark = pytest.mark.django_db

ARTICLES = "/rest/articles/"
COMMENTS = "/rest/comments/"
TOKEN = "/rest/token/"
NEW = {"title": "New", "slug": "new", "summary": "What is new.", "body": "All of it."}


def as_user(user: User) -> APIClient:
    """Return a client with a token of the user's."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {Token.objects.issue(user)}")
    return client


def make_comment(article: Article, author: User | None = None, **fields: Any) -> Comment:  # noqa: ANN401
    return Comment.objects.create(article=article, author=author, **({"name": "Eve", "text": "First"} | fields))


# --- tokens ----------------------------------------------------------------------------------------------------------


def test_it_gives_a_token_for_a_name_and_a_password(make_user: MakeUser) -> None:
    user = make_user("ada")
    response = APIClient().post(TOKEN, {"username": "ada", "password": PASSWORD, "name": "laptop"})
    assert response.status_code == 201
    text = response.json()["token"]
    stored = Token.objects.get(user=user)
    assert (stored.name, str(stored)) == ("laptop", "laptop")
    assert text not in stored.digest
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Token {text}")
    article = Article.objects.create(title="Mine", slug="mine", summary="-", body="-", author=user, author_name="Ada")
    assert client.get(f"{ARTICLES}{article.slug}/").status_code == 200


def test_it_gives_no_token_for_a_wrong_password(make_user: MakeUser) -> None:
    make_user("ada")
    response = APIClient().post(TOKEN, {"username": "ada", "password": "wrong"})
    assert response.status_code == 400
    assert response.json() == {"non_field_errors": ["This name and password do not fit."]}
    assert not Token.objects.exists()


def test_it_revokes_the_token_that_a_request_carries_and_no_other(make_user: MakeUser) -> None:
    user = make_user("ada")
    first, second = as_user(user), as_user(user)
    assert first.delete(TOKEN).status_code == 204
    assert first.get(ARTICLES).status_code == 401
    assert second.get(ARTICLES).status_code == 200


def test_it_knows_neither_made_up_tokens_nor_those_of_deactivated_users(make_user: MakeUser) -> None:
    stranger = APIClient()
    stranger.credentials(HTTP_AUTHORIZATION="Token made-up")
    response = stranger.get(ARTICLES)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Token")
    user = make_user("ada")
    client = as_user(user)
    user.is_active = False
    user.save()
    assert client.get(ARTICLES).status_code == 401


def test_it_asks_browsers_that_are_logged_in_for_the_csrf_token(make_user: MakeUser, make_article: MakeArticle) -> None:
    make_article("On knots")
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(make_user("ada"))
    comment = {"article": "on-knots", "text": "Hello"}
    refused = browser.post(COMMENTS, comment, content_type="application/json")
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["detail"]
    browser.get("/accounts/password/change/") if "csrftoken" in browser.cookies else browser.get(
        ARTICLES, headers={"Accept": "text/html"}
    )
    token = browser.cookies["csrftoken"].value
    taken = browser.post(COMMENTS, comment, content_type="application/json", headers={"X-CSRFToken": token})
    assert taken.status_code == 201


# --- articles --------------------------------------------------------------------------------------------------------


def test_it_stores_a_writers_article_as_their_own_draft(writer: User) -> None:
    Category.objects.create(name="Ropes", slug="ropes")
    Tag.objects.create(name="Old", slug="old")
    response = as_user(writer).post(ARTICLES, NEW | {"category": "ropes", "tags": ["old"]})
    assert response.status_code == 201, response.content
    article = Article.objects.get()
    assert (article.author, article.author_name, article.status) == (writer, "wanda", Article.Status.DRAFT)
    assert article.category is not None
    assert (article.category.slug, [tag.slug for tag in article.tags.all()]) == ("ropes", ["old"])
    assert response.json()["url"] == "http://testserver/rest/articles/new/"


def test_it_takes_articles_from_writers_only(make_user: MakeUser) -> None:
    assert APIClient().post(ARTICLES, NEW).status_code == 401
    assert as_user(make_user("ada")).post(ARTICLES, NEW).status_code == 403
    assert not Article.objects.exists()


def test_it_says_what_is_wrong_with_an_article(writer: User, make_article: MakeArticle) -> None:
    make_article("New")
    response = as_user(writer).post(ARTICLES, {"title": "", "slug": "new", "summary": "s" * 301, "tags": ["none"]})
    assert response.status_code == 400
    assert sorted(response.json()) == ["body", "slug", "summary", "tags", "title"]


def test_it_lets_authors_change_their_own_articles_alone(
    writer: User, make_user: MakeUser, make_article: MakeArticle
) -> None:
    make_article("Mine", author=writer)
    make_article("Theirs", author=make_user("bob"))
    client = as_user(writer)
    assert client.patch(f"{ARTICLES}mine/", {"title": "Better"}).status_code == 200
    assert client.patch(f"{ARTICLES}theirs/", {"title": "Worse"}).status_code == 403
    assert APIClient().patch(f"{ARTICLES}mine/", {"title": "Worse"}).status_code == 401
    assert sorted(Article.objects.values_list("title", flat=True)) == ["Better", "Theirs"]


def test_it_leaves_publishing_to_editors(writer: User, editor: User, make_article: MakeArticle) -> None:
    make_article("Mine", author=writer, status=Article.Status.DRAFT)
    refused = as_user(writer).patch(f"{ARTICLES}mine/", {"status": "published"})
    assert refused.status_code == 400
    assert refused.json() == {"status": ["Only editors publish and withdraw articles."]}
    later = as_user(writer).patch(f"{ARTICLES}mine/", {"published_at": "2100-01-01T00:00:00Z"})
    assert (later.status_code, list(later.json())) == (400, ["published_at"])
    assert as_user(editor).patch(f"{ARTICLES}mine/", {"status": "published"}).status_code == 200
    assert Article.objects.get().is_public


def test_it_lets_authors_delete_drafts_and_editors_everything(
    writer: User, editor: User, make_article: MakeArticle
) -> None:
    make_article("Draft", author=writer, status=Article.Status.DRAFT)
    make_article("Public", author=writer)
    client = as_user(writer)
    assert client.delete(f"{ARTICLES}draft/").status_code == 204
    assert client.delete(f"{ARTICLES}public/").status_code == 403
    assert as_user(editor).delete(f"{ARTICLES}public/").status_code == 204
    assert not Article.objects.exists()


# --- comments --------------------------------------------------------------------------------------------------------


def test_it_stores_a_comment_that_waits_for_a_moderator(make_user: MakeUser, make_article: MakeArticle) -> None:
    make_article("On knots")
    ada = make_user("ada", first_name="Ada", last_name="Byron")
    response = as_user(ada).post(COMMENTS, {"article": "on-knots", "text": "Well said", "status": "approved"})
    assert response.status_code == 201, response.content
    comment = Comment.objects.get()
    assert (comment.author, comment.name, comment.text) == (ada, "Ada Byron", "Well said")
    assert comment.status == response.json()["status"] == Comment.Status.PENDING


def test_it_takes_no_comment_from_strangers_nor_below_drafts(make_user: MakeUser, make_article: MakeArticle) -> None:
    make_article("On knots")
    make_article("A draft", status=Article.Status.DRAFT)
    assert APIClient().post(COMMENTS, {"article": "on-knots", "text": "Hello"}).status_code == 401
    client = as_user(make_user("ada"))
    response = client.post(COMMENTS, {"article": "a-draft", "text": "Hello"})
    assert (response.status_code, list(response.json())) == (400, ["article"])
    assert list(client.post(COMMENTS, {"article": "on-knots", "text": "  "}).json()) == ["text"]
    assert list(client.post(COMMENTS, {"article": "on-knots", "text": "x" * 4001}).json()) == ["text"]


def test_it_lets_people_change_their_own_comment_until_it_is_moderated(
    make_user: MakeUser, make_article: MakeArticle
) -> None:
    ada = make_user("ada")
    comment = make_comment(make_article("On knots"), ada)
    other = make_article("Other")
    address, client = f"{COMMENTS}{comment.pk}/", as_user(ada)
    assert client.patch(address, {"text": "Second", "article": other.slug}).status_code == 200
    comment.refresh_from_db()
    assert (comment.text, comment.article.slug) == ("Second", "on-knots")
    assert as_user(make_user("bob")).patch(address, {"text": "Third"}).status_code == 404
    comment.status = Comment.Status.APPROVED
    comment.save()
    assert client.patch(address, {"text": "Third"}).status_code == 403
    assert client.delete(address).status_code == 403


def test_it_lets_people_take_back_a_pending_comment(make_user: MakeUser, make_article: MakeArticle) -> None:
    ada = make_user("ada")
    comment = make_comment(make_article("On knots"), ada)
    assert as_user(ada).delete(f"{COMMENTS}{comment.pk}/").status_code == 204
    assert not Comment.objects.exists()


def test_it_lets_moderators_approve_and_reject(moderator: User, make_user: MakeUser, make_article: MakeArticle) -> None:
    ada = make_user("ada")
    comment = make_comment(make_article("On knots"), ada)
    assert as_user(ada).post(f"{COMMENTS}{comment.pk}/approve/").status_code == 403
    client = as_user(moderator)
    assert client.get(f"{COMMENTS}?status=pending").json()["results"][0]["id"] == comment.pk
    assert client.post(f"{COMMENTS}{comment.pk}/approve/").json()["status"] == "approved"
    assert APIClient().get(COMMENTS).json()["results"][0]["text"] == "First"
    assert client.post(f"{COMMENTS}{comment.pk}/reject/").json()["status"] == "rejected"
    assert APIClient().get(COMMENTS).json()["results"] == []
