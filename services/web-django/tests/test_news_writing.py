"""Readers' input: comments and addresses."""

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, NoReturn

import pytest
from django.core import mail
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from news import limits, newsletter, upkeep
from news.markdown import render
from news.models import Article, Comment, NewsletterCopy, NewsletterIssue, Subscriber

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User
    from django.core.cache import BaseCache
    from landfast_testing.outbox import Outbox

    MakeArticle = Callable[..., Article]

pytestmark = pytest.mark.django_db


def subscriber(email: str = "reader@example.org", language: str = "en", **fields: object) -> Subscriber:
    return Subscriber.objects.create(email=email, language=language, **{"confirmed_at": timezone.now(), **fields})


def link(text: str) -> str:
    found = re.search(r"http\S+?(/newsletter/\S+)", text)
    assert found, text
    return found[1]


def test_it_keeps_a_comment_back_until_a_moderator_has_read_it(client: Client, make_article: MakeArticle) -> None:
    article = make_article()

    response = client.post(f"{article.get_absolute_url()}comment/", {"name": "Ada", "text": "Well said."}, follow=True)

    comment = Comment.objects.get()
    assert (comment.article, comment.name, comment.author) == (article, "Ada", None)
    assert "once a moderator has read it" in response.content.decode()
    assert "Well said." not in response.content.decode()
    Comment.objects.update(status=Comment.Status.APPROVED)
    assert "Well said." in client.get(article.get_absolute_url()).content.decode()


def test_it_asks_nobody_for_a_name_whom_it_knows(
    client: Client, make_article: MakeArticle, make_user: Callable[..., User]
) -> None:
    address = f"{make_article().get_absolute_url()}comment/"
    user = make_user("ada", first_name="Ada", last_name="Lovelace")
    client.force_login(user)

    assert 'name="name"' not in client.get(address).content.decode()
    client.post(address, {"text": "Well said.", "name": "Somebody else"})

    comment = Comment.objects.get()
    assert (comment.author, comment.name) == (user, "Ada Lovelace")


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"name": "", "text": "Kept."}, "name"),
        ({"name": "Ada", "text": ""}, "text"),
        ({"name": "Ada", "text": "x" * 4001}, "text"),
    ],
)
def test_it_says_beside_the_field_what_is_wrong_and_keeps_the_rest(
    client: Client, make_article: MakeArticle, form: dict[str, str], field: str
) -> None:
    response = client.post(f"{make_article().get_absolute_url()}comment/", form)

    page = response.content.decode()
    assert f'id="id_{field}_error"' in page
    assert (form["name"] or form["text"]) in page
    assert not Comment.objects.exists()


def test_it_takes_nothing_from_who_fills_in_what_people_do_not_see(client: Client, make_article: MakeArticle) -> None:
    form = {"name": "Ada", "text": "Cheap.", "website": "https://spam.example"}

    assert client.post(f"{make_article().get_absolute_url()}comment/", form).status_code == 200
    assert client.post("/newsletter/", {"email": "a@example.org", "website": "x"}).status_code == 200
    assert not Comment.objects.exists()
    assert not Subscriber.objects.exists()


def test_it_takes_comments_only_with_its_own_form(make_article: MakeArticle) -> None:
    browser = Client(enforce_csrf_checks=True)
    address = f"{make_article().get_absolute_url()}comment/"
    form = {"name": "Ada", "text": "Well said."}

    assert browser.post(address, form).status_code == 403
    token = browser.get(address).context["csrf_token"]
    assert browser.post(address, form | {"csrfmiddlewaretoken": str(token)}).status_code == 302


def test_it_takes_no_comments_on_what_is_not_published(client: Client, make_article: MakeArticle) -> None:
    article = make_article(status=Article.Status.DRAFT)

    assert client.post(f"{article.get_absolute_url()}comment/", {"name": "A", "text": "B"}).status_code == 404


def test_it_shows_comments_as_text(client: Client, make_article: MakeArticle) -> None:
    article = make_article()
    Comment.objects.create(article=article, name="<i>Eve</i>", text="<script>x</script>", status="approved")

    page = client.get(article.get_absolute_url()).content.decode()

    assert "<script>" not in page
    assert "<i>Eve" not in page


def test_an_address_becomes_a_subscriber_s_only_by_the_link_in_its_mail(client: Client, outbox: Outbox) -> None:
    page = client.post("/newsletter/", {"email": "Reader@Example.org"}).content.decode()
    asked = Subscriber.objects.get()

    assert "Reader@Example.org" in page
    assert [(task.name, task.arguments) for task in outbox.tasks] == [("news.tasks.confirm_subscription", [asked.pk])]
    assert not Subscriber.objects.active().exists()

    newsletter.send_confirmation(asked.pk, message_id="one")
    address = link(str(mail.outbox[0].body))
    client.get(address)
    assert not Subscriber.objects.active().exists(), "filters follow links"
    client.post(address)
    assert Subscriber.objects.active().get() == asked


def test_attempts_at_one_mail_have_one_id() -> None:
    asked = subscriber("reader@example.org", confirmed_at=None)

    for key in ("one", "one", "two"):
        newsletter.send_confirmation(asked.pk, message_id=key)

    first, again, other = (message.extra_headers["Message-ID"] for message in mail.outbox)
    assert first == again != other


def test_it_says_the_same_to_who_is_a_subscriber_already(client: Client, outbox: Outbox) -> None:
    subscriber("reader@example.org")

    page = client.post("/newsletter/", {"email": "READER@example.org"}).content.decode()

    assert "READER@example.org" in page
    assert outbox.tasks == []
    assert Subscriber.objects.count() == 1


def test_it_does_not_fill_anybody_s_inbox(client: Client, outbox: Outbox) -> None:
    for _ in range(3):
        client.post("/newsletter/", {"email": "reader@example.org"})

    assert len(outbox.tasks) == 1


def test_it_stores_no_address_that_it_cannot_ask(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr("news.tasks.confirm_subscription.delay", refuse)

    response = client.post("/newsletter/", {"email": "reader@example.org"})

    assert response.status_code == 503
    assert int(response["Retry-After"]) > 0
    assert 'value="reader@example.org"' in response.content.decode()
    assert not Subscriber.objects.exists()


def test_it_asks_on_the_second_try_whom_it_could_not_ask_on_the_first(
    client: Client, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = subscriber("reader@example.org", confirmed_at=None)

    def refuse(*_: object) -> None:
        raise ConnectionError

    with monkeypatch.context() as away:
        away.setattr("news.tasks.confirm_subscription.delay", refuse)
        assert client.post("/newsletter/", {"email": "reader@example.org"}).status_code == 503
    client.post("/newsletter/", {"email": "reader@example.org"})

    assert [(task.name, task.arguments) for task in outbox.tasks] == [("news.tasks.confirm_subscription", [asked.pk])]


def test_it_asks_although_the_cache_is_away(
    client: Client, outbox: Outbox, away: BaseCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("news.newsletter.cache", away)

    client.post("/newsletter/", {"email": "reader@example.org"})

    assert len(outbox.tasks) == 1


@pytest.mark.parametrize("address", ["/newsletter/confirm/forged/", "/newsletter/leave/forged/"])
def test_it_believes_no_link_that_it_did_not_make(client: Client, address: str) -> None:
    for answer in (client.get(address), client.post(address)):
        assert answer.status_code == 410
        assert "not valid" in answer.content.decode()


def test_a_link_of_one_kind_is_none_of_the_other(client: Client) -> None:
    asked = subscriber(confirmed_at=None)
    newsletter.send_confirmation(asked.pk, message_id="one")
    token = link(str(mail.outbox[0].body)).split("/")[3]

    assert client.post(f"/newsletter/leave/{token}/").status_code == 410


def test_every_subscriber_gets_one_copy_and_can_leave_with_one_click() -> None:
    there, gone = subscriber("there@example.org"), subscriber("gone@example.org", unsubscribed_at=timezone.now())
    subscriber("unproven@example.org", confirmed_at=None)
    issue = NewsletterIssue.objects.create(subject="The week\nBcc: all@example.org", body="**Fog** again.")

    assert newsletter.recipients(issue.pk) == [there.pk]
    for _ in range(2):
        newsletter.send_copy(issue.pk, there.pk)

    (message,) = mail.outbox
    assert message.to == ["there@example.org"]
    assert "\n" not in message.subject
    assert "<strong>Fog</strong>" in str(getattr(message, "alternatives")[0][0])  # noqa: B009 - its declared type has none
    assert newsletter.recipients(issue.pk) == []
    assert message.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert not NewsletterCopy.objects.filter(subscriber=gone).exists()

    strict = Client(enforce_csrf_checks=True)
    strict.post(link(message.extra_headers["List-Unsubscribe"].strip("<>")), {"List-Unsubscribe": "One-Click"})
    assert not Subscriber.objects.active().filter(pk=there.pk).exists()


def test_a_copy_that_another_attempt_is_at_is_left_to_that() -> None:
    reader = subscriber()
    issue = NewsletterIssue.objects.create(subject="The week", body="Fog.")
    newsletter.recipients(issue.pk)
    other = connection.copy()
    with other.cursor() as cursor:
        name = f"news.newsletter.copy.{issue.pk}.{reader.pk}"
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
        newsletter.send_copy(issue.pk, reader.pk)
        assert mail.outbox == []
        cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (name,))
    other.close()

    newsletter.send_copy(issue.pk, reader.pk)

    assert len(mail.outbox) == 1


def test_a_copy_that_has_left_is_not_sent_again_because_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = subscriber()
    issue = NewsletterIssue.objects.create(subject="The week", body="Fog.")
    newsletter.recipients(issue.pk)

    def away() -> NoReturn:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(newsletter, "timezone", SimpleNamespace(now=away))
    newsletter.send_copy(issue.pk, reader.pk)

    assert len(mail.outbox) == 1, "and nobody is to try again"


def test_who_left_meanwhile_gets_no_copy() -> None:
    reader = subscriber()
    issue = NewsletterIssue.objects.create(subject="The week", body="Fog.")
    newsletter.recipients(issue.pk)
    Subscriber.objects.update(unsubscribed_at=timezone.now())

    newsletter.send_copy(issue.pk, reader.pk)

    assert mail.outbox == []


@pytest.mark.parametrize(
    "send",
    [
        lambda: newsletter.send_confirmation(0, message_id="one"),
        lambda: newsletter.recipients(0),
        lambda: newsletter.send_copy(0, 0),
    ],
)
def test_it_tells_a_row_that_is_not_there_from_any_other_trouble(send: Callable[[], object]) -> None:
    with pytest.raises(LookupError):
        send()


def test_the_digest_holds_the_week_s_articles_and_comes_once(make_article: MakeArticle) -> None:
    make_article("Fresh [news]", slug="fresh")
    make_article("Stale", published_at=timezone.now() - timedelta(days=8))

    first = upkeep.make_digest()
    body = NewsletterIssue.objects.get(pk=first or 0).body
    newsletter.recipients(first or 0)

    assert upkeep.make_digest() is None
    assert "## [Fresh (news)](http://localhost:8080/news/fresh/)" in body
    assert "Stale" not in body


def test_a_digest_that_nobody_took_is_handed_over_again(make_article: MakeArticle) -> None:
    make_article("Fresh")

    assert upkeep.make_digest() == upkeep.make_digest()
    assert NewsletterIssue.objects.count() == 1


def test_there_is_no_digest_of_nothing() -> None:
    assert upkeep.make_digest() is None


def test_it_forgets_drafts_that_nobody_has_touched_for_long(make_article: MakeArticle) -> None:
    old = timezone.now() - upkeep.DRAFTS_KEPT - timedelta(days=1)
    for title, status in (("Forgotten", "draft"), ("Read", "published"), ("At work", "draft")):
        make_article(title, status=status)
    Article.objects.exclude(title="At work").update(modified_at=old)

    assert upkeep.remove_expired_drafts() == 1
    assert set(Article.objects.values_list("title", flat=True)) == {"Read", "At work"}


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("# Head", "<h2>Head</h2>"),
        ("**a** *b* ~~c~~", "<strong>a</strong> <em>b</em> <s>c</s>"),
        ("[a](https://example.org)", 'href="https://example.org"'),
        ("[a](javascript:alert(1))", "[a](javascript:alert(1))"),
        ("![x](https://elsewhere.example/p.png)", '<img alt="x">'),
        ("![x](/media/p.png)", '<img src="/media/p.png" alt="x">'),
        ("<img src=x onerror=alert(1)>", "&lt;img"),
        ("| a |\n| - |\n| b |", "<td>b</td>"),
        ("```python\nx = 1\n```", '<code class="language-python">'),
    ],
)
def test_markdown_becomes_html_that_harms_nobody(text: str, html: str) -> None:
    assert html in render(text)


def test_headings_follow_the_title_without_a_gap() -> None:
    html = render("## Quay\n\n#### Rope\n\n## Pier\n\n# Sea")
    assert [line[:3] for line in html.split("\n") if line] == ["<h2", "<h3", "<h2", "<h2"]


def write(client: Client, article: Article, text: str, address: str = "203.0.113.7") -> int:
    form = {"name": "Ada", "text": text}
    path = f"{article.get_absolute_url()}comment/"
    return client.post(path, form, headers={"X-Forwarded-For": address}).status_code


def test_it_takes_no_flood_of_comments_from_one_address(client: Client, make_article: MakeArticle) -> None:
    article = make_article()
    assert {write(client, article, f"Note {number}") for number in range(limits.COMMENTS)} == {302}

    path, form = f"{article.get_absolute_url()}comment/", {"name": "Ada", "text": "One more"}
    response = client.post(path, form, headers={"X-Forwarded-For": "203.0.113.7"})

    assert response.status_code == 429
    assert int(response["Retry-After"]) == limits.WITHIN
    page = response.content.decode()
    assert "wait a few minutes" in page
    assert "One more" in page
    assert Comment.objects.count() == limits.COMMENTS
    assert write(client, article, "From elsewhere", "203.0.113.8") == 302


def test_it_takes_comments_while_nobody_can_count_them(
    client: Client, make_article: MakeArticle, away: BaseCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("news.limits.cache", away)
    monkeypatch.setattr(limits, "COMMENTS", 0)

    assert write(client, make_article(), "Still here") == 302
