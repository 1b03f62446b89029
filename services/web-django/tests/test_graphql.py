"""``/graphql/``: queries, their cost and their limits."""

from __future__ import annotations

import re
from datetime import timedelta
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.staticfiles.finders import find
from django.http import HttpResponse
from django.test import Client, RequestFactory
from django.utils import timezone
from graphql import get_introspection_query, get_nullable_type, is_list_type, is_object_type, parse
from mysite.graphql.limits import CUT_LISTS, MAX_SPREADS, SHORT_LISTS, cost
from mysite.graphql.schema import schema
from mysite.graphql.views import View
from mysite.rest.models import Token
from news.models import Article, Category, Comment, Tag
from rest_framework.throttling import AnonRateThrottle

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from accounts.models import User
    from pytest_django import DjangoAssertNumQueries

    MakeArticle = Callable[..., Article]
    MakeUser = Callable[..., User]

pytestmark = pytest.mark.django_db

ADDRESS = "/graphql/"
REACT = "graphene_django_graphiql_static/static/graphene_django_graphiql_static/react-dom.production.min.js"
#: The count; articles with their categories; tags; comments with their count; those comments' articles.
QUERIES = 5
ADD = 'mutation($text: String!) { addComment(article: "on-knots", text: $text) { id text status name } }'
EVERYTHING = """
{
  articles(pagination: {limit: 20}) {
    totalCount
    results {
      title slug page html authorName category { name } tags { name }
      comments(pagination: {limit: 5}) { totalCount results { text article { slug category { slug } } } }
    }
  }
}
"""


def post(client: Client, query: str, variables: dict[str, Any] | None = None, **headers: str) -> HttpResponse:
    body = {"query": query, "variables": variables or {}}
    response: HttpResponse = client.post(ADDRESS, body, content_type="application/json", headers=headers)  # type: ignore[assignment]
    return response


def execute(client: Client, query: str, variables: dict[str, Any] | None = None) -> Any:  # noqa: ANN401
    answer = post(client, query, variables).json()  # type: ignore[attr-defined]
    assert "errors" not in answer, answer
    return answer["data"]


def complaint(client: Client, query: str, variables: dict[str, Any] | None = None) -> str:
    answer = post(client, query, variables).json()  # type: ignore[attr-defined]
    assert answer["data"] is None
    message: str = answer["errors"][0]["message"]
    return message


def make_comment(article: Article, text: str, **fields: Any) -> Comment:  # noqa: ANN401
    values = {"name": "Eve", "status": Comment.Status.APPROVED}
    return Comment.objects.create(article=article, text=text, **(values | fields))


def make_newsroom(make_article: MakeArticle, count: int) -> None:
    for number in range(count):
        category = Category.objects.create(name=f"Category {number}", slug=f"category-{number}")
        article = make_article(f"Article {number}", category=category)
        article.tags.add(Tag.objects.create(name=f"Tag {number}", slug=f"tag-{number}"))
        for _ in range(3):
            make_comment(article, f"Comment {number}")


# --- content ---------------------------------------------------------------------------------------------------------


def test_it_gives_what_was_asked_for_and_nothing_else(client: Client, make_article: MakeArticle) -> None:
    article = make_article("On knots", category=Category.objects.create(name="Ropes", slug="ropes"))
    article.tags.add(Tag.objects.create(name="Old", slug="old"))
    make_comment(article, "Well said")
    make_comment(article, "Rubbish", status=Comment.Status.REJECTED)
    query = """
    { article(slug: "on-knots") {
        title page cover category { name } tags { slug } comments { totalCount results { name text } } } }
    """
    assert execute(client, query) == {
        "article": {
            "title": "On knots",
            "page": "/news/on-knots/",
            "cover": None,
            "category": {"name": "Ropes"},
            "tags": [{"slug": "old"}],
            "comments": {"totalCount": 1, "results": [{"name": "Eve", "text": "Well said"}]},
        }
    }


def test_it_hides_what_readers_may_not_see(client: Client, make_article: MakeArticle, make_user: MakeUser) -> None:
    ada = make_user("ada")
    make_article("Public")
    draft = make_article("A draft", status=Article.Status.DRAFT, author=ada)
    make_article("Next week", published_at=timezone.now() + timedelta(days=7))
    make_comment(draft, "Below a draft")
    titles = "{ articles { totalCount results { title } } comments { results { text } } }"
    found = execute(client, titles)
    assert found["articles"] == {"totalCount": 1, "results": [{"title": "Public"}]}
    assert found["comments"]["results"] == []
    assert execute(client, '{ article(slug: "a-draft") { title } }') == {"article": None}
    client.force_login(ada)
    assert execute(client, titles)["articles"]["totalCount"] == 2
    assert execute(client, '{ article(slug: "a-draft") { title } }') == {"article": {"title": "A draft"}}


def test_it_narrows_lists_down_and_searches(client: Client, make_article: MakeArticle) -> None:
    ropes = Category.objects.create(name="Ropes", slug="ropes")
    make_article("Bowline", category=ropes).tags.add(Tag.objects.create(name="Old", slug="old"))
    make_article("Harbour", body="A harbour is where a bowline holds.")
    query = """query($search: String, $category: String, $tag: String) {
        articles(search: $search, category: $category, tag: $tag) { results { title } } }"""

    def titles(**variables: str) -> list[str]:
        return [article["title"] for article in execute(client, query, variables)["articles"]["results"]]

    assert titles(search="bowline") == ["Bowline", "Harbour"]
    assert titles(category="ropes") == titles(tag="old") == ["Bowline"]
    assert titles(search="bowline", tag="old") == ["Bowline"]
    assert titles(search="anchor") == []


def test_it_lists_categories_tags_and_the_newest_comments(client: Client, make_article: MakeArticle) -> None:
    make_newsroom(make_article, 2)
    query = """{ categories { slug } tags { slug }
        comments(article: "article-1", pagination: {limit: 2}) { totalCount results { text } } }"""
    found = execute(client, query)
    assert {"slug": "category-1"} in found["categories"]
    assert found["tags"] == [{"slug": "tag-0"}, {"slug": "tag-1"}]
    assert found["comments"]["totalCount"] == 3
    assert len(found["comments"]["results"]) == 2


def test_it_gives_no_more_at_once_than_the_longest_page(client: Client, make_article: MakeArticle) -> None:
    article = make_article("On knots")
    Comment.objects.bulk_create(
        Comment(article=article, name="Eve", text=str(number), status=Comment.Status.APPROVED) for number in range(60)
    )
    found = execute(client, "{ comments(pagination: {limit: 500}) { results { id } } }")
    assert len(found["comments"]["results"]) == 50


@pytest.mark.parametrize("count", [1, 15])
def test_it_asks_the_database_as_often_for_many_rows_as_for_few(
    client: Client, make_article: MakeArticle, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    make_newsroom(make_article, count)

    with django_assert_num_queries(QUERIES):
        found = execute(client, EVERYTHING)["articles"]
    assert found["totalCount"] == len(found["results"]) == count
    assert found["results"][0]["comments"]["results"][0]["article"]["slug"] == found["results"][0]["slug"]


@pytest.mark.parametrize("count", [1, 15])
def test_it_asks_the_database_as_often_below_one_article(
    client: Client, make_article: MakeArticle, django_assert_num_queries: DjangoAssertNumQueries, count: int
) -> None:
    article = make_article("On knots")
    for number in range(count):
        make_comment(article, f"Comment {number}")
    query = """{ article(slug: "on-knots") { category { name } tags { name }
        comments(pagination: {limit: 20}) { totalCount results { text article { title } } } } }"""
    with django_assert_num_queries(4):  # the article with its category, tags, comments with their count, their article
        assert len(execute(client, query)["article"]["comments"]["results"]) == count


# --- commenting ------------------------------------------------------------------------------------------------------


def test_it_takes_a_comment_that_waits_for_a_moderator(
    client: Client, make_article: MakeArticle, make_user: MakeUser
) -> None:
    make_article("On knots")
    ada = make_user("ada")
    client.force_login(ada)
    found = execute(client, ADD, {"text": "Well said"})["addComment"]
    assert (found["text"], found["status"], found["name"]) == ("Well said", "pending", "ada")
    assert Comment.objects.get().author == ada


def test_it_says_why_it_takes_no_comment(client: Client, make_article: MakeArticle, make_user: MakeUser) -> None:
    make_article("A draft", status=Article.Status.DRAFT)
    make_article("On knots")
    assert complaint(client, ADD, {"text": "Hello"}) == "Log in to comment."
    client.force_login(make_user("ada"))
    draft = ADD.replace("on-knots", "a-draft")
    assert complaint(client, draft, {"text": "Hello"}) == "There is no such article."
    assert "4000" in complaint(client, ADD, {"text": "x" * 4001})
    assert complaint(client, ADD, {"text": "  "}) == "This field is required."
    assert not Comment.objects.exists()


def test_it_asks_browsers_that_are_logged_in_for_the_csrf_token(make_article: MakeArticle, make_user: MakeUser) -> None:
    make_article("On knots")
    browser = Client(enforce_csrf_checks=True)
    assert execute(browser, "{ articles { totalCount } }")["articles"]["totalCount"] == 1
    browser.force_login(make_user("ada"))
    refused = post(browser, ADD, {"text": "Forged"})
    assert refused.status_code == 403
    assert "CSRF" in refused.json()["errors"][0]["message"]  # type: ignore[attr-defined]
    browser.get("/rest/", headers={"Accept": "text/html"})
    taken = post(browser, ADD, {"text": "Meant"}, **{"X-CSRFToken": browser.cookies["csrftoken"].value})
    assert taken.status_code == 200
    assert [comment.text for comment in Comment.objects.all()] == ["Meant"]


def test_it_knows_programs_by_their_tokens(make_article: MakeArticle, make_user: MakeUser) -> None:
    make_article("On knots")
    program = Client(enforce_csrf_checks=True)
    ada = make_user("ada")
    taken = post(program, ADD, {"text": "Hello"}, Authorization=f"Token {Token.objects.issue(ada)}")
    assert taken.json()["data"]["addComment"]["name"] == "ada"  # type: ignore[attr-defined]
    assert post(program, ADD, {"text": "Hello"}, Authorization="Token made-up").status_code == 401


# --- limits ----------------------------------------------------------------------------------------------------------


def deep() -> str:
    query = "{ articles(pagination: {limit: 1}) { results { slug } } }"
    for _ in range(3):
        inner = "comments(pagination: {limit: 1}) { results { article { slug } } }"
        query = query.replace("{ slug }", "{ " + inner + " }")
    return query


def test_it_refuses_what_is_nested_too_deeply(client: Client) -> None:
    assert "exceeds maximum operation depth" in complaint(client, deep())


def test_it_has_the_same_limits_on_a_laptop_and_may_be_asked_for_all_of_its_schema_there() -> None:
    local = schema(local=True)
    refused = local.execute_sync(deep())
    assert refused.errors
    assert "exceeds maximum operation depth" in refused.errors[0].message
    described = local.execute_sync(get_introspection_query(input_value_deprecation=True, specified_by_url=True))
    assert described.errors is None
    assert described.data
    assert described.data["__schema"]["queryType"]["name"] == "Query"


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("{ ...missing }", "Unknown fragment 'missing'."),
        ("{ articles { results { ...missing } } }", "Unknown fragment 'missing'."),
        ("{ }", "Nothing is selected between these braces."),
        ("{ articles { } }", "Nothing is selected between these braces."),
    ],
)
def test_it_names_what_is_wrong_where_strawberrys_limiters_crash(
    client: Client, query: str, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert complaint(client, query) == problem
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


def test_it_refuses_the_same_field_under_many_names(client: Client) -> None:
    query = "{" + " ".join(f"a{number}: articles {{ totalCount }}" for number in range(16)) + "}"
    assert complaint(client, query) == "16 aliases found. Allowed: 15"


def test_it_refuses_very_long_documents(client: Client) -> None:
    assert "contains more than 1000 tokens" in complaint(client, "{" + "categories { name } " * 300 + "}")


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        (
            (
                "{ articles(pagination: {limit: 50}) { results { title comments(pagination: {limit: 50}) "
                "{ results { text name } } } } }"
            ),
            {},
        ),
        (
            (
                "query($n: Int) { articles(pagination: {limit: $n}) { results { comments(pagination: {limit: $n}) "
                "{ results { text name } } } } }"
            ),
            {"n": 50},
        ),
        (
            (
                "query($p: OffsetPaginationInput) { articles(pagination: $p) { results { comments(pagination: $p) "
                "{ results { text name } } } } }"
            ),
            {"p": {"limit": -1}},
        ),
    ],
    ids=["literal", "variable", "input"],
)
def test_it_refuses_what_costs_too_much_before_asking_the_database(
    client: Client, query: str, variables: dict[str, Any], django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert "at most 3000 is allowed" in complaint(client, query, variables)


def test_it_reckons_a_list_as_long_as_it_may_be() -> None:
    few = "{ articles(pagination: {limit: 2}) { results { title tags { name } } } }"
    assert cost(parse(few), {}) == 1 + 2 * (1 + (1 + 1 + 5))
    assert cost(parse("{ articles { totalCount } }"), {}) == 1 + 10
    assert cost(parse("{ articles(pagination: {offset: 9}) { totalCount } }"), {}) == 1 + 10
    spread = "{ ...all } fragment all on Query { tags(pagination: {limit: 3}) { ... on Tag { name } } }"
    assert cost(parse(spread), {}) == 1 + 3
    default = "query($n: Int = 40) { tags(pagination: {limit: $n}) { name } }"
    assert cost(parse(default), {}) == 1 + 40
    assert cost(parse(default), {"n": 3}) == 1 + 3
    assert cost(parse(f"query other($n: Int = 1) {{ tags {{ name }} }} {default}"), {}) == 1 + 40
    unknown = "query($n: Int) { tags(pagination: {limit: $n}) { name } }"
    assert cost(parse(unknown), {}) == 1 + 50


def test_it_knows_the_length_of_every_list_in_the_schema() -> None:
    lists = {
        name
        for parent, kind in schema(local=True)._schema.type_map.items()  # noqa: SLF001 - it has no public name
        if is_object_type(kind) and not parent.startswith("__") and not parent.endswith("OffsetPaginated")
        for name, field in kind.fields.items()
        if is_list_type(get_nullable_type(field.type)) or str(field.type).rstrip("!").endswith("OffsetPaginated")
    }
    assert lists == CUT_LISTS | SHORT_LISTS


def test_it_refuses_fragments_that_multiply(client: Client) -> None:
    fragments = [f"fragment f{n} on Query {{ ...f{n + 1} ...f{n + 1} }}" for n in range(60)]
    query = "{ ...f0 } " + " ".join(fragments) + " fragment f60 on Query { articles { totalCount } }"
    assert complaint(client, query) == f"More than {MAX_SPREADS} fragment spreads."


def test_it_survives_fragments_that_spread_themselves(client: Client) -> None:
    query = "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }"
    assert complaint(client, query)


def test_it_answers_no_batches_and_no_get_requests(client: Client) -> None:
    batch = [{"query": "{ categories { name } }"}] * 2
    assert client.post(ADDRESS, batch, content_type="application/json").status_code == 400
    assert client.get(ADDRESS, {"query": "{ categories { name } }"}).status_code == 400


def test_it_refuses_who_asks_too_often(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AnonRateThrottle, "THROTTLE_RATES", {"anon": "1/min"})
    assert post(client, "{ categories { name } }").status_code == 200
    refused = post(client, "{ categories { name } }")
    assert (refused.status_code, refused.json()) == (429, {"errors": [{"message": "Too many requests."}]})  # type: ignore[attr-defined]
    assert int(refused["Retry-After"]) > 0


# --- what callers get to know ----------------------------------------------------------------------------------------


def test_it_tells_nothing_of_its_own_faults_but_logs_them(
    client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(*_: object) -> None:
        raise ZeroDivisionError("a secret of ours")

    monkeypatch.setattr("mysite.rules.visible_articles", crash)
    answer = post(client, "{ articles { totalCount } }")
    assert complaint(client, "{ articles { totalCount } }") == "Something broke on our side."
    assert "secret" not in answer.content.decode()
    assert any(record.exc_info and record.exc_info[0] is ZeroDivisionError for record in caplog.records)


def test_it_says_503_while_the_database_is_away(
    client: Client, database_outage: Callable[[], AbstractContextManager[None]]
) -> None:
    with database_outage():
        answer = post(client, "{ articles { totalCount } }")
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert "refused" not in answer.content.decode()


def test_it_does_not_describe_itself_where_it_is_public(client: Client) -> None:
    assert "introspection" in complaint(client, "{ __schema { types { name } } }").lower()
    assert complaint(client, '{ article(slug: "x") { titel } }') == "Cannot query field 'titel' on type 'Article'."
    assert client.get(ADDRESS, headers={"Accept": "text/html"}).status_code == 404


def test_it_lets_no_cache_keep_an_answer(client: Client) -> None:
    assert "no-store" in post(client, "{ categories { name } }")["Cache-Control"]


def test_it_describes_itself_and_shows_graphiql_from_local_files_on_a_laptop(rf: RequestFactory) -> None:
    local = View.as_view(schema=schema(local=True), local=True)
    request = rf.get(ADDRESS, headers={"Accept": "text/html"})
    request.session = {}  # type: ignore[assignment]
    response = local(request)
    assert isinstance(response, HttpResponse)
    page = response.content.decode()
    assert "csrftoken" in response.cookies
    assert page.count("/static/graphene_django_graphiql_static/") == 4
    assert "https://" not in page
    assert "<script>" not in page
    described = schema(local=True).execute_sync("{ __schema { queryType { name } } }")
    assert described.data == {"__schema": {"queryType": {"name": "Query"}}}


def test_it_starts_graphiql_by_what_the_react_that_is_shipped_can_do() -> None:
    start = Path(str(find("mysite/graphiql.js"))).read_text()
    react = Path(str(metadata.distribution("graphene-django-graphiql-static").locate_file(REACT))).read_text()
    called = set(re.findall(r"ReactDOM\.(\w+)", start))
    assert called
    assert called <= set(re.findall(r"\b\w+\.(\w+)=function", react))


def test_it_has_the_files_that_graphiql_needs() -> None:
    for name in ("graphiql.css", "graphiql.js"):
        assert find(f"mysite/{name}")
