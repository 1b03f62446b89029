"""Thousands of hostile requests: none of them gets a response that blames the server.

The cases are the same in every run. Each finding becomes an example in ``tests/test_hostile_requests.py``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import pytest
from django.contrib import admin
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st
from landfast_testing import hostile
from mysite.rest.models import Token
from news.models import Category, Tag

from tests.hostile import crashed, logged_in, send

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from accounts.models import User
    from landfast_testing.wsgi import Answer
    from news.models import Article

    Example = Callable[[], AbstractContextManager[None]]

pytestmark = pytest.mark.django_db

JSON = "application/json"
KINDS = (JSON, "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")

ARTICLE = {
    "title": "New", "slug": "new", "summary": "What is new.", "body": "All of it.", "category": "ropes",
    "tags": ["old"], "cover_alt": "", "status": "draft", "published_at": "2026-01-01T00:00:00Z",
}  # fmt: skip
COMMENT = {"article": "on-knots", "text": "Hello"}
LOGIN = {"username": "boss", "password": "wrong", "name": "laptop"}

#: The bodies by path.
WRITES: list[tuple[str, str, dict[str, Any]]] = [
    ("POST", "/rest/articles/", ARTICLE),
    ("PUT", "/rest/articles/on-knots/", ARTICLE),
    ("PATCH", "/rest/articles/on-knots/", ARTICLE),
    ("POST", "/rest/comments/", COMMENT),
    ("POST", "/rest/token/", LOGIN),
]
READS = ("articles", "comments", "categories", "tags", "schema", "docs", "articles/on-knots", "token", "")
PARAMETERS = (
    "page", "page_size", "cursor", "search", "category", "tag", "status", "published_after", "published_before",
    "created_after", "created_before", "article", "ordering", "format", "lang",
)  # fmt: skip

DOCUMENTS = (
    "query($s: String!) { article(slug: $s) { slug title category { name } } }",
    "query($s: String, $n: Int) { articles(category: $s, pagination: {offset: $n}) { totalCount results { slug } } }",
    "query($s: String, $n: Int) { articles(search: $s, tag: $s, pagination: {limit: $n}) { results { slug } } }",
    "query($s: String, $p: OffsetPaginationInput) { comments(article: $s, pagination: $p) { results { text } } }",
    'mutation($s: String!) { addComment(article: $s, text: "x") { id } }',
    'mutation($s: String!) { addComment(article: "on-knots", text: $s) { id } }',
)

PAGES = ("/", "/search/", "/feed/", "/sitemap.xml", "/accounts/login/", "/newsletter/", "/news/on-knots/comment/")
FORMS: list[tuple[str, dict[str, Any]]] = [
    ("/accounts/login/", {"username": "boss", "password": "x", "next": "/"}),
    ("/admin/login/", {"username": "boss", "password": "x", "next": "/"}),
    ("/accounts/register/", {"username": "eve", "email": "e@example.org", "password1": "x", "password2": "x"}),
    ("/accounts/password/reset/", {"email": "e@example.org"}),
    ("/accounts/profile/edit/", {"first_name": "A", "last_name": "B", "language": "en", "email": "e@example.org"}),
    ("/accounts/language/", {"language": "en", "next": "/"}),
    ("/newsletter/", {"email": "e@example.org"}),
    ("/news/on-knots/comment/", {"name": "Eve", "text": "Hello"}),
]
HEADERS = (
    "HTTP_ACCEPT", "HTTP_ACCEPT_LANGUAGE", "HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_HOST", "HTTP_IF_MODIFIED_SINCE",
    "HTTP_IF_NONE_MATCH", "HTTP_ORIGIN", "HTTP_RANGE", "HTTP_REFERER", "HTTP_SEC_FETCH_SITE", "HTTP_USER_AGENT",
    "HTTP_X_CSRFTOKEN", "HTTP_X_REQUEST_ID",
)  # fmt: skip

#: Suffixes of look-ups in the admin's addresses.
LOOKUPS = ("", "__exact", "__in", "__isnull", "__gte", "__lt", "__year", "__month", "__day", "__regex", "__isempty")


@pytest.fixture
def boss(make_user: Callable[..., User], make_article: Callable[..., Article]) -> User:
    """An administrator, and rows to read and to change."""
    make_article().tags.add(Tag.objects.create(name="Old", slug="old"))
    Category.objects.create(name="Ropes", slug="ropes")
    return make_user("boss", is_staff=True, is_superuser=True)


@pytest.fixture
def program(boss: User) -> dict[str, str]:
    """The header of a program with all rights."""
    return {"HTTP_AUTHORIZATION": f"Token {Token.objects.issue(boss, '')}"}


def check(answer: Answer) -> None:
    """Check that the response describes the caller's error, in the caller's format."""
    assert not crashed(answer), answer
    if answer.headers.get("Content-Type") == JSON and answer.body:
        json.loads(answer.body)


def addresses() -> dict[str, list[str]]:
    """Return the address of each model's list in the admin, and the model's fields."""
    models = [model._meta for model in admin.site._registry]  # noqa: SLF001 - Django's documented name
    return {
        f"/admin/{model.app_label}/{model.model_name}/": [field.name for field in model.get_fields()]
        for model in models
    }


def test_rest_refuses_every_body_that_it_cannot_store(program: dict[str, str], example: Example) -> None:
    @hostile.bounded(150)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        method, path, good = data.draw(st.sampled_from(WRITES))
        body = data.draw(hostile.bodies(hostile.objects(good)))
        content_type = data.draw(st.just(JSON) | hostile.content_types(KINDS))
        with example():
            check(send(method, path, body, content_type=content_type, headers=program))

    run()


def test_rest_refuses_every_query_that_means_nothing(program: dict[str, str], example: Example) -> None:
    @hostile.bounded(120)
    @given(st.sampled_from(READS), hostile.queries(PARAMETERS), st.booleans())
    def run(name: str, query: str, known: bool) -> None:  # noqa: FBT001 - passed by hypothesis
        with example():
            check(send("GET", f"/rest/{name}/", query=query, headers=program if known else {}))

    run()


def test_graphql_refuses_every_body_that_is_no_question(program: dict[str, str], example: Example) -> None:
    @hostile.bounded(150)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        variables = st.fixed_dictionaries(
            {}, optional={"s": hostile.values(), "n": hostile.values(), "p": hostile.objects({"offset": 0, "limit": 1})}
        )
        good: dict[str, Any] = {"query": data.draw(st.sampled_from(DOCUMENTS)), "variables": data.draw(variables)}
        body = data.draw(st.just(json.dumps(good).encode()) | hostile.bodies(hostile.objects(good)))
        content_type = data.draw(st.just(JSON) | hostile.content_types(KINDS))
        with example():
            check(send("POST", "/graphql/", body, content_type=content_type, headers=program))

    run()


def test_graphql_refuses_every_text_and_number_in_a_document(example: Example) -> None:
    @hostile.bounded(120)
    @given(hostile.texts(), st.sampled_from(hostile.NUMBERS) | st.integers())
    def run(text: str, number: float) -> None:
        literal = json.dumps(text)
        document = f"{{ articles(search: {literal}, pagination: {{offset: {number}, limit: 1}}) {{ totalCount }} }}"
        with example():
            check(send("POST", "/graphql/", json.dumps({"query": document}).encode(), content_type=JSON))

    run()


@pytest.mark.usefixtures("letters", "outbox")
def test_forms_refuse_whatever_is_typed_into_them(boss: User, example: Example) -> None:
    @hostile.bounded(120)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        path, good = data.draw(st.sampled_from(FORMS))
        names = st.sampled_from(sorted(good)) | hostile.texts()
        typed = data.draw(st.dictionaries(names, hostile.texts(), max_size=3))
        form = "&".join(f"{hostile.encoded(name)}={hostile.encoded(text)}" for name, text in {**good, **typed}.items())
        client = Client(raise_request_exception=False)
        with example():
            if data.draw(st.booleans()):
                client.force_login(boss)
            response = client.generic("POST", path, form, content_type="application/x-www-form-urlencoded")
            assert response.status_code < 500

    run()


def test_pages_stand_whatever_their_address_and_headers_say(boss: User, example: Example) -> None:
    @hostile.bounded(150)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        text = unquote_to_bytes(hostile.encoded(data.draw(hostile.texts()))).decode(errors="surrogateescape")
        prefixes = ("/", "/news/", "/rest/articles/", "/admin/", "/accounts/verify/", "/newsletter/leave/", "/static/")
        path = data.draw(st.sampled_from(PAGES) | st.sampled_from(prefixes).map(lambda prefix: f"{prefix}{text}/"))
        query = data.draw(hostile.queries(["q", "page", "next", "section", "p"]))
        headers = data.draw(st.dictionaries(st.sampled_from(HEADERS), hostile.header_values(), max_size=3))
        content_type = data.draw(st.just("") | hostile.content_types(KINDS))
        with example():
            cookie = logged_in(boss) if data.draw(st.booleans()) else {}
            method = data.draw(st.sampled_from(["GET", "HEAD", "POST"]))
            check(send(method, path, query=query, content_type=content_type, headers={**cookie, **headers}))

    run()


def test_the_admin_stands_whatever_its_addresses_say(boss: User, example: Example) -> None:
    models = addresses()

    @hostile.bounded(150)
    @given(st.data())
    def run(data: st.DataObject) -> None:
        path = data.draw(st.sampled_from(sorted(models)))
        names = [name + lookup for name in models[path] for lookup in LOOKUPS]
        query = data.draw(hostile.queries([*names, "q", "p", "o", "all", "_popup", "_to_field", "_changelist_filters"]))
        page = data.draw(st.sampled_from(["", "", "add/", "1/change/", "_00/change/"]))
        with example():
            check(send("GET", path + page, query=query, headers=logged_in(boss)))

    run()


def test_the_admin_stands_whatever_is_sent_to_it(boss: User, example: Example) -> None:
    paths = sorted(addresses())

    @hostile.bounded(120)
    @given(
        st.sampled_from(paths),
        st.sampled_from(["", "add/"]),
        st.dictionaries(
            st.sampled_from(["action", "_selected_action", "index", "select_across", "title", "name", "slug", "author",
                             "category", "published_at_0", "published_at_1", "comments-TOTAL_FORMS", "_save"]),
            hostile.texts(),
            max_size=4,
        ),
    )  # fmt: skip
    def run(path: str, page: str, typed: dict[str, str]) -> None:
        form = "&".join(
            f"{name}={hostile.encoded(text)}" for name, text in {"action": "delete_selected", **typed}.items()
        )
        client = Client(raise_request_exception=False)
        with example():
            client.force_login(boss)
            response = client.generic("POST", path + page, form, content_type="application/x-www-form-urlencoded")
            assert response.status_code < 500

    run()
