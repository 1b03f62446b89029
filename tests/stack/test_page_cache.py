"""Public pages come from Nginx: fresh for a second, renewed by one request, and only those that are for everybody."""

from __future__ import annotations

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.support.edge import edge
from tests.support.site import TIMEOUT, Site
from tests.support.stack import docker
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.stack import Stack

HIT, STALE, MISS, PASSED = "edge; hit", "edge; hit; detail=stale", "edge; fwd=uri-miss", "edge; fwd=bypass"
ENGLISH, RUSSIAN = {"Accept-Language": "en-GB,en;q=0.8"}, {"Accept-Language": "de, ru-RU;q=0.9, en;q=0.5"}

#: Seconds until everybody sees a change: one, and the time of a renewal.
SETTLED = 1 + PATIENCE

#: Changes the title of the newest article. Prints the former one, and the times before and after the change.
PUBLISH = """
import json, time
from news.models import Article
article = Article.objects.published().listed()[0]
before, article.title = article.title, {title!r}
began = time.time()
article.save()
print(json.dumps([before, began, time.time()]))
"""


def status(response: requests.Response) -> str:
    return response.headers.get("Cache-Status", "")


def article(site: Site) -> str:
    """Return the path of the newest article."""
    address: str = site.get("/rest/articles/").json()["results"][0]["page"]
    return "/" + address.split("/", 3)[3]


def test_a_visitor_gets_what_another_one_has_requested(stack: Stack, site: Site) -> None:
    path = article(site)

    def shared() -> bool:
        first, second = site.get(path), Site(stack.http_url).get(path)
        return status(second) == HIT and second.text == first.text

    wait_until(shared, 10, "two requests within one second of the clock")
    kept = site.get(path)
    assert kept.headers["Cache-Control"] == "public, max-age=0, s-maxage=1", "the application's own header"
    assert {"Cookie", "Accept-Language"} <= set(kept.headers["Vary"].split(", "))
    assert site.get(path).headers["X-Request-ID"] != kept.headers["X-Request-ID"]
    assert site.get(path, headers={"If-None-Match": kept.headers["ETag"]}).status_code == 304


def test_the_cache_is_in_the_log(stack: Stack, site: Site) -> None:
    request = f"trace-{token_hex(8)}"
    wait_until(lambda: status(site.get("/", headers={"X-Request-ID": request})) == HIT, 10, "an answer of the cache")

    def logged() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in stack.logs("nginx").splitlines()]
        return [line for line in lines if line.get("request_id") == request]

    line = wait_until(lambda: [line for line in logged() if line["cache"] == "HIT"], 10, "the request's line")[0]
    assert (line["status"], line["upstream"]) == (200, "")


def test_each_language_has_a_page_however_a_browser_asks_for_it(site: Site) -> None:
    chosen = Site(site.url)
    chosen.session.cookies.set("django_language", "ru")

    pages = {
        "en": [site.get("/", headers=ENGLISH), site.get("/", headers={"Accept-Language": "fr"})],
        "ru": [site.get("/", headers=RUSSIAN), chosen.get("/", headers=ENGLISH)],
    }

    for language, answers in pages.items():
        assert all(f'<html lang="{language}">' in answer.text for answer in answers), language
        assert all(status(answer) != PASSED for answer in answers), language


def test_nobody_with_a_session_gets_or_leaves_a_page_for_all(member: Site, site: Site) -> None:
    own = [member.get("/") for _ in range(2)]

    assert [status(answer) for answer in own] == [PASSED] * 2
    assert all("no-store" in answer.headers["Cache-Control"] for answer in own)
    assert "/accounts/login/" in site.get("/").text, "it is shown to those who are not logged in"
    assert status(site.get("/", headers={"Authorization": "Bearer none"})) == PASSED


@pytest.mark.parametrize("path", ["/accounts/login/", "/newsletter/", "/api/v1/ping"])
def test_a_page_that_does_not_say_public_is_never_kept(site: Site, path: str) -> None:
    site.get(path)

    assert status(site.get(path)) == PASSED


def publish(stack: Stack, title: str) -> tuple[str, float, float]:
    """Change the newest article's title; return the former one, and the times before and after the change."""
    code = PUBLISH.format(title=title)
    before, began, done = json.loads(stack.execute("web-django", "python", "manage.py", "shell", "-v0", "-c", code))
    return before, began, done


@contextmanager
def watched(url: str, title: str) -> Iterator[list[tuple[float, float, bool]]]:
    """Yield what visitors see while the body runs: when each came, when it had the page, and whether with the title."""
    seen: list[tuple[float, float, bool]] = []
    over = threading.Event()

    def visit() -> None:
        while not over.wait(0.05):
            began = time.time()
            new = title in Site(url).get("/").text
            seen.append((began, time.time(), new))

    with ThreadPoolExecutor(1) as pool:
        visiting = pool.submit(visit)
        try:
            yield seen
        finally:
            over.set()
        visiting.result()


def test_an_editor_s_change_shows_within_a_second_of_the_clock(stack: Stack) -> None:
    title = f"Changed {token_hex(4)}"
    with watched(stack.http_url, title) as seen:

        def settled(done: float) -> bool:
            return sum(came > done + SETTLED for came, *_ in list(seen)) > 2

        former, _, there = publish(stack, title)
        wait_until(lambda: settled(there), 30, "visitors after the change")
        _, going, gone = publish(stack, former)
        wait_until(lambda: settled(gone), 30, "visitors after the change back")

    assert {new for came, served, new in seen if there + SETTLED < came and served < going} == {True}
    assert {new for came, _, new in seen if came > gone + SETTLED} == {False}


def test_pages_outlive_their_application_and_health_does_not(ready: Stack, site: Site) -> None:
    path = article(site)
    kept = site.get(path).text

    def stale() -> requests.Response | None:
        found = site.get(path)
        return found if status(found) == STALE else None

    ready.stop("web-django")
    try:
        answer = wait_until(stale, 20, "the page to be stale: a fast machine stops the site within its second")
        assert (answer.status_code, answer.text) == (200, kept)
        assert site.get("/accounts/login/").status_code == 503
        assert site.get("/news/never-requested/").status_code == 503
        assert wait_until(lambda: site.probe("/readyz").status == 503, 30, "/readyz to notice")
    finally:
        ready.start("web-django")


def test_a_stopping_nginx_answers_the_requests_that_it_has(stack: Stack) -> None:
    """It closes the way through the cache at once."""
    with edge(stack) as other, socket.create_connection(("127.0.0.1", other.http), TIMEOUT) as visitor:
        visitor.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        assert Site(other.url).probe("/healthz"), "the first visitor's connection was accepted before this one"
        docker("kill", "--signal=QUIT", other.container)
        wait_until(lambda: not Site(other.url).probe("/healthz"), 20, "Nginx to take no more visitors")
        visitor.sendall(b"Connection: close\r\n\r\n")
        head = visitor.recv(4096)

    assert head.startswith(b"HTTP/1.1 200 ")


# --- An application of somebody else: the stub -----------------------------------------------------------------------

HOST = {"Host": "stub.localhost"}


def ask(stack: Stack, path: str, method: str = "GET", **headers: str) -> requests.Response:
    """Request a page of the stub, at an address that no other test uses."""
    return requests.request(
        method, f"{stack.http_url}/cached/{path}", headers={**HOST, **headers}, timeout=TIMEOUT, allow_redirects=False
    )


def number(response: requests.Response) -> int:
    """Return which of the stub's answers this is."""
    return int(response.json()["number"])


def test_many_visitors_of_an_unknown_page_cause_one_request(lengthy: Stack) -> None:
    path = f"slow/{token_hex(4)}"
    with ThreadPoolExecutor(20) as visitors:
        answers = list(visitors.map(lambda _: ask(lengthy, path), range(20)))

    assert [status(answer) for answer in answers].count(MISS) == 1
    assert PASSED not in {status(answer) for answer in answers}


def test_many_visitors_of_an_old_page_cause_one_request_and_do_not_wait_for_it(lengthy: Stack) -> None:
    name = token_hex(4)
    path = f"held/{name}"
    old = number(ask(lengthy, path))
    time.sleep(2.1)  # until it is too old to be sent while it is renewed
    with ThreadPoolExecutor(20) as pool:
        visitors = [pool.submit(ask, lengthy, path) for _ in range(20)]
        try:
            wait_until(lambda: sum(each.done() for each in visitors) >= 18, 20, "all but those who renew it")
        finally:
            requests.get(f"{lengthy.http_url}/release/{name}", headers=HOST, timeout=TIMEOUT).raise_for_status()
    numbers = [number(each.result()) for each in visitors]

    assert numbers.count(old) >= 18, "one renews it, and one more may at the turn of a second, or after ten of them"
    assert len(set(numbers)) > 1


@pytest.mark.parametrize("kind", ["private", "silent", "cookie", "any"])
def test_what_is_not_for_everybody_is_not_kept(lengthy: Stack, kind: str) -> None:
    answers = [ask(lengthy, f"{kind}/{token_hex(4)}") for _ in range(3)]
    path = f"{kind}/{token_hex(4)}"
    same = [ask(lengthy, path) for _ in range(3)]

    assert len({number(answer) for answer in [*answers, *same]}) == 6
    assert HIT not in {status(answer) for answer in same}


def test_a_page_is_fresh_for_as_long_as_it_says(lengthy: Stack) -> None:
    path = f"long/{token_hex(4)}"
    first = number(ask(lengthy, path))
    time.sleep(2.1)  # longer than a page without s-maxage is fresh

    again = ask(lengthy, path)
    assert (number(again), status(again)) == (first, HIT)
    assert number(ask(lengthy, f"{path}?utm_source=letter&fbclid=1")) == first, "no page varies by these"
    assert number(ask(lengthy, f"{path}?page=2")) != first
    assert number(ask(lengthy, path, Host="stub.localhost:81")) != first
    assert number(ask(lengthy, path, Cookie="_ga=1")) == first, "only scripts in the browser read it"
    assert number(ask(lengthy, path, Cookie="session=1")) != first
    assert number(ask(lengthy, path, Authorization="Bearer x")) != first
    assert number(ask(lengthy, path)) == first, "none of these has left a page"


def test_a_head_request_and_a_part_leave_a_whole_page(lengthy: Stack) -> None:
    path = f"long/{token_hex(4)}"
    head, part, whole = ask(lengthy, path, "HEAD"), ask(lengthy, path, Range="bytes=0-3"), ask(lengthy, path)

    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["Content-Length"] == str(len(whole.content))
    assert status(whole) == HIT
    assert (part.status_code, part.content) in {(200, whole.content), (206, whole.content[:4])}


def test_an_application_may_say_by_what_a_page_varies(lengthy: Stack) -> None:
    part, searched = f"varied/{token_hex(4)}", f"searched/{token_hex(4)}"
    ask(lengthy, searched)

    assert number(ask(lengthy, part)) != number(ask(lengthy, part, **{"HX-Request": "true"}))
    assert ask(lengthy, f"{searched}?noise=1&page=2").json()["path"] == f"/cached/{searched}?page=2"


def test_no_visitor_chooses_what_others_get(lengthy: Stack) -> None:
    """The headers by which a page may differ, but not its key, do not reach the service."""
    headers = {"X-Forwarded-Host": "evil.example", "Cookie": "_ga=evil", "X-Page-Key": "other", "X-Page-Place": "x:1"}
    seen = ask(lengthy, f"long/{token_hex(4)}", **headers).json()

    assert (seen["host"], seen["x-forwarded-host"], seen["cookie"], seen["inner"]) == ("stub.localhost", None, None, [])
