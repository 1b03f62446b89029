"""The articles in the admin, and the first ones."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone
from news import seeding
from news.admin.comments import LATEST
from news.models import Article, Category, Comment, Tag
from news.pictures import make_thumbnails
from news.roles import EDITOR

from tests.pictures import upload

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User
    from django.test import Client
    from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

LIST = "/admin/news/article/"

#: A browser's form data for the comments and renditions of an article without any.
INLINES = {f"{prefix}-{name}_FORMS": "0" for prefix in ("comments", "renditions") for name in ("TOTAL", "INITIAL")}


@pytest.fixture
def editor(client: Client, make_staff: Callable[[str], User]) -> Client:
    client.force_login(make_staff(EDITOR))
    return client


def form(**fields: object) -> dict[str, object]:
    """Return the data of the article's form."""
    return {
        "title": "Fresh",
        "slug": "fresh",
        "summary": "A summary.",
        "body": "Text.",
        "author_name": "Ada",
        "status": "published",
        "published_at_0": "2026-01-02",
        "published_at_1": "03:04:05",
        **INLINES,
        **fields,
    }


def run_action(editor: Client, action: str, *articles: Article) -> str:
    selected = [str(article.pk) for article in articles]
    response = editor.post(LIST, {"action": action, "_selected_action": selected}, follow=True)
    return response.content.decode()


def test_it_publishes_many_drafts_at_once(editor: Client, make_article: Callable[..., Article]) -> None:
    last_month, tomorrow = timezone.now() - timedelta(days=30), timezone.now() + timedelta(days=1)
    draft = make_article("Draft", status=Article.Status.DRAFT, published_at=last_month)
    scheduled = make_article("Scheduled", status=Article.Status.DRAFT, published_at=tomorrow)
    published = make_article("Published", published_at=last_month)

    assert "2 articles published." in run_action(editor, "publish", draft, scheduled, published)

    for article in (draft, scheduled, published):
        article.refresh_from_db()
        assert article.status == Article.Status.PUBLISHED
    assert draft.is_public
    assert draft.published_at > last_month
    assert scheduled.published_at == tomorrow
    assert not scheduled.is_public
    assert published.published_at == last_month


def test_it_withdraws_many_at_once(editor: Client, make_article: Callable[..., Article]) -> None:
    article = make_article()
    assert "1 article withdrawn." in run_action(editor, "withdraw", article)
    assert editor.get(article.get_absolute_url()).status_code == 404


def test_it_finds_articles_by_their_text(editor: Client, make_article: Callable[..., Article]) -> None:
    make_article("Knots", body="About the bowline.")
    make_article("Tides", body="About the moon.")
    page = editor.get(LIST, {"q": "bowline"}).content.decode()
    assert "Knots" in page
    assert "Tides" not in page


def test_it_saves_what_an_editor_writes(editor: Client) -> None:
    category = Category.objects.create(name="Knots", slug="knots")
    tags = [Tag.objects.create(name=name, slug=name) for name in ("rope", "safety")]
    editor.post(f"{LIST}add/", form(category=category.pk, tags=[tag.pk for tag in tags]))
    article = Article.objects.get()
    assert article.category == category
    assert list(article.tags.all()) == tags
    assert "Fresh" in editor.get("/").content.decode()


def test_it_remembers_whose_article_it_is_and_offers_the_name(editor: Client) -> None:
    assert 'value="Editor Ann"' in editor.get(f"{LIST}add/").content.decode()
    editor.post(f"{LIST}add/", form())
    assert str(Article.objects.get().author) == EDITOR


def test_it_leaves_the_choice_of_an_account_to_those_who_see_accounts(
    client: Client, make_user: Callable[..., User]
) -> None:
    author = make_user("bea")
    client.force_login(make_user("admin", is_staff=True, is_superuser=True))
    client.post(f"{LIST}add/", form(author=author.pk))
    assert Article.objects.get().author == author


@pytest.mark.slow
def test_it_keeps_a_cover_and_shows_it_in_the_newsroom(
    editor: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    editor.post(f"{LIST}add/", form(cover=upload(name="IMG_0815.jpg"), cover_alt="A sail"))
    article = Article.objects.get()
    assert (article.cover_width, article.cover_height) == (1600, 900)
    for address in (LIST, f"{LIST}{article.pk}/change/"):
        assert f'src="{article.cover.url}"' in editor.get(address).content.decode(), address

    make_thumbnails(article.pk)
    smallest = article.renditions.order_by("width", "format").first()
    assert smallest
    assert f'src="{smallest.file.url}"' in editor.get(LIST).content.decode()
    assert f'href="{smallest.file.url}"' in editor.get(f"{LIST}{article.pk}/change/").content.decode()

    with django_capture_on_commit_callbacks(execute=True):
        inlines = {"renditions-TOTAL_FORMS": "8", "renditions-INITIAL_FORMS": "8"}
        editor.post(f"{LIST}{article.pk}/change/", form(**inlines, **{"cover-clear": "on"}))
    article.refresh_from_db()
    assert not article.cover
    assert not article.renditions.exists()


@pytest.mark.slow
def test_it_loses_nothing_that_was_typed_while_no_pictures_can_be_made(
    editor: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_: object) -> None:
        raise ConnectionError("nobody takes it")

    editor.post(f"{LIST}add/", form(cover=upload(), cover_alt="A sail"))
    first = Article.objects.get()
    monkeypatch.setattr("news.receivers.cover_uploaded.send", fail)
    page = editor.post(f"{LIST}add/", form(slug="new", title="New", cover=upload(), cover_alt="A sail"), follow=True)
    assert "saved without its new cover" in page.content.decode()
    new = Article.objects.get(slug="new")
    assert (new.title, new.cover.name, new.cover_width, str(new.author)) == ("New", "", None, EDITOR)
    changed = form(title="Changed", cover=upload(), cover_alt="A sail")
    page = editor.post(f"{LIST}{first.pk}/change/", changed, follow=True)
    assert "saved without its new cover" in page.content.decode()
    again = Article.objects.get(pk=first.pk)
    assert (again.title, again.cover.name, again.cover_width) == ("Changed", first.cover.name, 1600)
    assert default_storage.exists(first.cover.name or "")


def test_it_says_beside_the_field_what_is_wrong_with_a_cover(editor: Client) -> None:
    page = editor.post(f"{LIST}add/", form(cover=upload(b"<html>"), cover_alt="x"))
    assert "This is no picture" in page.context["adminform"].form.errors["cover"][0]
    page = editor.post(f"{LIST}add/", form(cover=upload()))
    assert "Say what the picture shows" in page.context["adminform"].form.errors["cover_alt"][0]
    assert not Article.objects.exists()


def test_it_shows_a_draft_as_readers_will_see_it(editor: Client, make_article: Callable[..., Article]) -> None:
    draft = make_article("Draft", status=Article.Status.DRAFT)
    later = make_article("Later", published_at=timezone.now() + timedelta(days=1))
    for article in (draft, later):
        address = f"{LIST}{article.pk}/preview/"
        assert f'href="{address}"' in editor.get(f"{LIST}{article.pk}/change/").content.decode()
        response = editor.get(address)
        assert response.templates[0].name == "news/detail.html"
        assert f"<h1>{article.title}</h1>" in response.content.decode()
        assert {"no-store", "private"} <= set(response["Cache-Control"].split(", "))
        assert response["X-Robots-Tag"] == "noindex"
        assert editor.get(article.get_absolute_url()).status_code == 404
    assert editor.get(f"{LIST}4711/preview/").status_code == 404


def test_it_saves_and_goes_on_to_the_preview(editor: Client) -> None:
    assert 'name="_preview"' in editor.get(f"{LIST}add/").content.decode()
    response = editor.post(f"{LIST}add/", form(status="draft", _preview="Save and preview"), follow=True)
    article = Article.objects.get()
    assert response.redirect_chain == [(f"{LIST}{article.pk}/preview/", 302)]
    response = editor.post(
        f"{LIST}{article.pk}/change/", form(title="Fresher", status="draft", _preview="x"), follow=True
    )
    assert "<h1>Fresher</h1>" in response.content.decode()


def test_it_publishes_from_the_articles_own_page(editor: Client, make_article: Callable[..., Article]) -> None:
    draft = make_article("Draft", status=Article.Status.DRAFT)
    address = f"{LIST}{draft.pk}/change/"
    assert "Publish this article" in editor.get(address).content.decode()
    editor.post(address, {"CHANGE_FORM-action": "publish", "_selected_action": str(draft.pk)})
    draft.refresh_from_db()
    assert draft.is_public


def test_it_writes_into_the_history_who_published(editor: Client, make_article: Callable[..., Article]) -> None:
    draft = make_article("Draft", status=Article.Status.DRAFT)
    run_action(editor, "publish", draft)
    run_action(editor, "withdraw", draft)
    page = editor.get(f"{LIST}{draft.pk}/history/").content.decode()
    assert "status: Published" in page
    assert "status: Draft" in page
    assert EDITOR in page


def test_it_narrows_the_list(editor: Client, make_article: Callable[..., Article]) -> None:
    category = Category.objects.create(name="Knots", slug="knots")
    tag = Tag.objects.create(name="rope", slug="rope")
    make_article("First", category=category).tags.add(tag)
    make_article("Second", status=Article.Status.DRAFT)
    make_article("Third", cover=upload())

    def titles(**parameters: str) -> set[str]:
        return {one.title for one in editor.get(LIST, parameters).context["cl"].result_list}

    assert titles() == {"First", "Second", "Third"}
    assert titles(status__exact="draft") == {"Second"}
    assert titles(category__id__exact=str(category.pk)) == {"First"}
    assert titles(tags__id__exact=str(tag.pk)) == {"First"}
    assert titles(cover__isempty="0") == {"Third"}
    assert titles(q="rope") == {"First"}


@pytest.mark.parametrize(("field", "model"), [("category", Category), ("tags", Tag)])
def test_it_completes_topics_as_they_are_typed(editor: Client, field: str, model: type[Category | Tag]) -> None:
    model.objects.create(name="Knots and ropes", slug="knots")
    finder = {"app_label": "news", "model_name": "article", "field_name": field, "term": "rope"}
    answer = editor.get("/admin/autocomplete/", finder).json()
    assert [one["text"] for one in answer["results"]] == ["Knots and ropes"]


def test_it_counts_the_articles_of_each_topic(editor: Client, make_article: Callable[..., Article]) -> None:
    category = Category.objects.create(name="Knots", slug="knots")
    for title in ("One", "Two"):
        make_article(title, category=category)
    page = editor.get("/admin/news/category/").content.decode()
    assert '<td class="field-articles">2</td>' in page


def test_it_asks_the_database_as_often_for_many_articles_as_for_few(
    editor: Client, make_article: Callable[..., Article], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for round_number in range(2):
        for number in range(10):
            article = make_article(f"Round {round_number} number {number}", cover=upload())
            Comment.objects.create(article=article, name="Bea", text="Hello")
        with django_assert_num_queries(12):
            assert '<td class="field-waiting">1</td>' in editor.get(LIST).content.decode()


def test_it_decides_about_comments_below_their_article(
    client: Client, make_user: Callable[..., User], make_article: Callable[..., Article]
) -> None:
    client.force_login(make_user("admin", is_staff=True, is_superuser=True))
    article = make_article()
    comments = [Comment.objects.create(article=article, name="Bea", text=f"Number {n}") for n in range(LATEST + 5)]
    page = client.get(f"{LIST}{article.pk}/change/")
    formset = next(one.formset for one in page.context["inline_admin_formsets"] if one.formset.prefix == "comments")
    assert len(formset.forms) == LATEST, "however many there are, the form stays one that can be sent"
    sent = {"comments-TOTAL_FORMS": str(LATEST), "comments-INITIAL_FORMS": str(LATEST)}
    for number, one in enumerate(formset.forms):
        sent |= {f"comments-{number}-id": str(one.instance.pk), f"comments-{number}-article": str(article.pk)}
        sent[f"comments-{number}-status"] = "pending"
    sent["comments-0-status"] = "approved"
    # While the page was open, another comment arrived, and one of the shown comments was deleted.
    Comment.objects.create(article=article, name="Cay", text="Me too")
    formset.forms[3].instance.delete()
    sent["comments-3-id"] = str(comments[-5].pk)
    response = client.post(f"{LIST}{article.pk}/change/", form(**sent))
    assert response.status_code == 302
    assert [one.pk for one in Comment.objects.approved()] == [formset.forms[0].instance.pk]


def test_it_links_to_the_site_only_what_readers_see(editor: Client, make_article: Callable[..., Article]) -> None:
    public, draft = make_article("Public"), make_article("Draft", status=Article.Status.DRAFT)
    assert 'href="/news/public/"' in editor.get(f"{LIST}{public.pk}/change/").content.decode()
    assert 'href="/news/draft/"' not in editor.get(f"{LIST}{draft.pk}/change/").content.decode()


@pytest.mark.django_db
def test_it_seeds_articles_worth_reading_once() -> None:
    assert seeding.seed() >= 5
    for article in Article.objects.all():
        assert article.is_public
        assert (article.cover_width, article.cover_height) == (1600, 900)
        assert article.cover_alt
        article.full_clean()
        assert 250 <= len(article.body.split()) <= 450
    Article.objects.exclude(pk=Article.objects.values("pk")[:1]).delete()
    assert seeding.seed() == 0
    assert Article.objects.count() == 1
