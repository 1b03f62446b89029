"""Hostile requests, and their responses, which never blame the server."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest
from mysite.rest.models import Token
from mysite.wellformed import MAX_DEPTH, decode
from news.models import Article

from tests.hostile import UNSTORABLE, send

if TYPE_CHECKING:
    from collections.abc import Callable

    from accounts.models import User
    from landfast_testing.wsgi import Answer

pytestmark = pytest.mark.django_db

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
GRAPHQL, TOKEN, ARTICLES, COMMENTS = "/graphql/", "/rest/token/", "/rest/articles/", "/rest/comments/"
NEW = {"title": "New", "slug": "new", "summary": "What is new.", "body": "All of it."}


@pytest.fixture
def program(make_staff: Callable[[str], User]) -> dict[str, str]:
    """The header of an editor's program."""
    return {"HTTP_AUTHORIZATION": f"Token {Token.objects.issue(make_staff('editor'), '')}"}


def execute(query: str, variables: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> Answer:
    """Send a query to GraphQL."""
    body = json.dumps({"query": query, "variables": variables or {}}).encode()
    return send("POST", GRAPHQL, body, content_type=JSON, headers=headers)


# --- JSON -------------------------------------------------------------------------------------------------------------

BODIES = {
    b"\xff": "The body is not UTF-8: byte 1.",
    b"{": "The body is not valid JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1).",
    b"NaN": "The body is not valid JSON: NaN is not JSON.",
    b"[" * 100_000: f"The body is nested deeper than {MAX_DEPTH} levels.",
    b"[" * 20_000: f"The body is nested deeper than {MAX_DEPTH} levels.",
    b"[" * 60 + b"]" * 60: f"The body is nested deeper than {MAX_DEPTH} levels.",
    b"9" * 5000: (
        "The body is not valid JSON: "
        "Exceeds the limit (4300 digits) for integer string conversion: value has 5000 digits."
    ),
    b'{"a":{"b":[1,"\\u0000"]}}': "'a.b.1' holds the character U+0000, which cannot be stored.",
    b'{"\\ud800":1}': "'The body' has a name that holds the character U+D800, which cannot be stored.",
    b'{"a":1e999}': "'a' is a number too large.",
}


@pytest.mark.parametrize(("body", "complaint"), BODIES.items(), ids=lambda value: repr(value)[:20])
@pytest.mark.parametrize("address", [TOKEN, COMMENTS, GRAPHQL])
def test_it_says_what_is_wrong_with_a_body(program: dict[str, str], address: str, body: bytes, complaint: str) -> None:
    answer = send("POST", address, body, content_type=JSON, headers=program)
    said = {"errors": [{"message": complaint}]} if address == GRAPHQL else {"detail": complaint}
    assert (answer.status, answer.json) == (400, said)


def test_it_reads_a_body_that_is_as_deep_as_allowed() -> None:
    assert decode(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)


def test_it_repeats_no_name_at_length() -> None:
    body = json.dumps({"a" * 1_000_000: ["x"] * 300_000 + ["\0"]}).encode()
    with pytest.raises(ValueError, match=r"^'a{100}' holds"):
        decode(body)


@pytest.mark.parametrize("body", [b"null", b'"x"', b"1", b"true"])
def test_graphql_takes_objects_alone(body: bytes) -> None:
    answer = send("POST", GRAPHQL, body, content_type=JSON)
    assert (answer.status, answer.json) == (400, {"errors": [{"message": "The body must be a JSON object."}]})


@pytest.mark.parametrize("body", [b"[]", b'{"query":1}', b'{"query":"{a}","variables":[]}', b""])
def test_graphql_refuses_in_json_what_is_no_request_of_its_own(body: bytes) -> None:
    answer = send("POST", GRAPHQL, body, content_type=JSON if body else "text/plain")
    assert answer.status == 400
    assert answer.json["errors"][0]["message"]


@pytest.mark.parametrize("address", [GRAPHQL, COMMENTS])
def test_it_says_in_json_that_a_body_is_too_large(program: dict[str, str], address: str) -> None:
    answer = send("POST", address, b'"' + b"x" * 3_000_000 + b'"', content_type=JSON, headers=program)
    assert answer.status == 413
    assert "detail" in answer.json or "errors" in answer.json


@pytest.mark.parametrize("charset", ["base64", "rot13", "utf-16", "unicode_escape", "latin-1", "nonsense", "bz2"])
@pytest.mark.parametrize("address", ["/", TOKEN, GRAPHQL, "/accounts/login/"])
def test_it_reads_utf_8_alone(address: str, charset: str) -> None:
    answer = send("POST", address, b"{}", query="q=1", content_type=f"{JSON}; charset={charset}")
    assert answer.status == 415
    assert f"The charset &#x27;{charset}&#x27; is not taken" in answer.body.decode() or charset in answer.body.decode()


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "us-ascii"])
def test_it_takes_the_names_of_utf_8(charset: str) -> None:
    body = json.dumps({"query": "{articles{totalCount}}"}).encode()
    assert send("POST", GRAPHQL, body, content_type=f"{JSON}; charset={charset}").json["data"]


# --- texts ------------------------------------------------------------------------------------------------------------

QUERIES = [
    "query($s: String!) { article(slug: $s) { slug } }",
    "query($s: String!) { articles(category: $s) { totalCount } }",
    "query($s: String!) { articles(tag: $s) { totalCount } }",
    "query($s: String!) { articles(search: $s) { totalCount } }",
    "query($s: String!) { comments(article: $s) { totalCount } }",
    'mutation($s: String!) { addComment(article: $s, text: "x") { id } }',
    'mutation($s: String!) { addComment(article: "on-knots", text: $s) { id } }',
]


@pytest.mark.parametrize("text", UNSTORABLE, ids=ascii)
@pytest.mark.parametrize("query", QUERIES)
def test_graphql_names_the_variable_that_cannot_be_stored(program: dict[str, str], query: str, text: str) -> None:
    answer = execute(query, {"s": text}, program)
    complaint = f"'variables.s' holds the character U+{ord(text):04X}, which cannot be stored."
    assert (answer.status, answer.json) == (400, {"errors": [{"message": complaint}]})


@pytest.mark.parametrize("literal", [r'"a\u0000"', r'"\u{0}"'])
def test_graphql_refuses_a_text_in_the_document_that_cannot_be_stored(literal: str) -> None:
    answer = execute(f"{{ article(slug: {literal}) {{ slug }} }}")
    assert answer.json["errors"][0]["message"] == "The text holds the character U+0000, which cannot be stored."


@pytest.mark.parametrize("text", UNSTORABLE, ids=ascii)
@pytest.mark.parametrize("field", ["category", "tags", "title", "body"])
def test_rest_names_the_field_that_cannot_be_stored(program: dict[str, str], field: str, text: str) -> None:
    article = NEW | {field: [text] if field == "tags" else text}
    answer = send("POST", ARTICLES, json.dumps(article).encode(), content_type=JSON, headers=program)
    name = f"{field}.0" if field == "tags" else field
    complaint = f"{name!r} holds the character U+{ord(text):04X}, which cannot be stored."
    assert (answer.status, answer.json) == (400, {"detail": complaint})
    assert not Article.objects.exists()


def test_rest_names_the_field_of_a_form_that_cannot_be_stored(program: dict[str, str]) -> None:
    answer = send("POST", COMMENTS, b"article=%00&text=x", content_type=FORM, headers=program)
    complaint = "'article' holds the character U+0000, which cannot be stored."
    assert (answer.status, answer.json) == (400, {"detail": complaint})


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/rest/articles/a\0b/", ""),
        ("/rest/tags/\0/", ""),
        (ARTICLES, "category=%00"),
        (ARTICLES, "%00=1"),
        ("/search/", "q=%00"),
        ("/accounts/login/", "next=%00"),
    ],
)
def test_it_refuses_an_address_that_holds_nul(path: str, query: str) -> None:
    answer = send("GET", path, query=query)
    assert answer.status == 400
    assert "holds the character U+0000, which cannot be stored" in answer.body.decode()
    assert "private" in answer.headers["Cache-Control"]


def test_it_overlooks_a_cookie_that_holds_nul(make_article: Callable[..., Article]) -> None:
    make_article()
    cookie = {"HTTP_COOKIE": 'sessionid="' + r"\000" * 12 + '"'}
    assert send("GET", "/", headers=cookie).status == 200
    assert send("GET", "/accounts/profile/", headers=cookie).status == 302


def test_it_refuses_a_header_that_holds_nul(make_user: Callable[..., User]) -> None:
    make_user("ada")
    answer = send("POST", TOKEN, b"{}", content_type=JSON, headers={"HTTP_USER_AGENT": "a\0"})
    complaint = "In the headers, 'HTTP_USER_AGENT' holds the character U+0000, which cannot be stored."
    assert (answer.status, answer.json) == (400, {"detail": complaint})


@pytest.mark.parametrize("variables", [{}, {"s": None}, {"s": 1}, {"s": []}])
def test_graphql_says_which_variable_has_no_value_of_its_type(variables: dict[str, Any]) -> None:
    message = execute("query($s: String!) { article(slug: $s) { slug } }", variables).json["errors"][0]["message"]
    assert "$s" in message


# --- numbers, places and dates ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pagination", ["{offset: -1}", "$p", "{offset: $o}", "$d"])
@pytest.mark.parametrize("field", ["articles", "comments", "categories", "tags"])
def test_graphql_refuses_a_list_that_begins_before_its_beginning(field: str, pagination: str) -> None:
    below = "totalCount results { __typename }" if field in {"articles", "comments"} else "name"
    declared = "$p: OffsetPaginationInput, $o: Int! = -1, $d: OffsetPaginationInput = {offset: -1}"
    used = {"$p": f"{field}(pagination: $p)", "$d": f"{field}(pagination: $d)"}.get(
        pagination, f"{field}(pagination: {pagination})"
    )
    name = next((part for part in ("$p", "$o", "$d") if part in pagination), None)
    parts = [part for part in declared.split(", ") if name and part.startswith(name)]
    head = f"query({parts[0]}) " if parts else ""
    answer = execute(f"{head}{{ {used} {{ {below} }} }}", {"p": {"offset": -1}} if name == "$p" else {})
    assert answer.json["errors"][0]["message"] == f"The offset of {field!r} is -1; it must be 0 or more."


@pytest.mark.parametrize("position", ["0", "\0", "yesterday", "2026-01-01", "2026-13-41 00:00:00+00:00"])
def test_rest_knows_no_cursor_but_its_own(position: str) -> None:
    cursor = base64.b64encode(f"p={position}".encode()).decode().replace("=", "%3D")
    answer = send("GET", COMMENTS, query=f"cursor={cursor}")
    assert (answer.status, answer.json) == (404, {"detail": "Invalid cursor"})


@pytest.mark.parametrize("origin", ["http://[", "http://]", "[", "", "null", "http://localhost:99999999999"])
def test_the_language_is_no_other_sites_to_choose_however_its_name_is_written(origin: str) -> None:
    answer = send("POST", "/accounts/language/", b"language=ru", content_type=FORM, headers={"HTTP_ORIGIN": origin})
    assert answer.status == 403


def test_the_language_can_be_chosen_from_here() -> None:
    headers = {"HTTP_ORIGIN": "http://localhost", "HTTP_HOST": "localhost"}
    answer = send("POST", "/accounts/language/", b"language=ru", content_type=FORM, headers=headers)
    assert answer.status == 302
