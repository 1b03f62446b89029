"""Every page that a person opens shows something, and the browser's console has nothing to complain of."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from tests.support import console
from tests.support.browser import PHONE, be, resize, see
from tests.support.crawl import public_pages
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

    from tests.support.inbox import Inbox
    from tests.support.site import Site
    from tests.support.stack import Stack

#: No link leads a visitor here, or not surely.
UNLINKED = ("/", "/no-such-page/", "/search/?q=boat", "/console/readiness/", "/console/login/", "/api/reports")

#: Pages of programs that only show something once their scripts ran, and what is there then.
PROGRAMS = {
    "/graphql/": ".graphiql-query-editor",
    "/rest/docs/": ".swagger-ui .opblock",
    "/api/docs": ".swagger-ui .opblock",
    "/flower/tasks": "#tasks-table",
    "/flower/broker": "table",
    "/rabbitmq/": "input[name=username]",
}

#: What somebody with an account opens.
ACCOUNT = ("/accounts/profile/", "/accounts/profile/edit/", "/accounts/password/", "/accounts/verify/")

#: An address that Nginx itself refuses.
TOO_LONG = f"/?q={'a' * 70_000}"

LARGE = (1600, 900)

#: Returns the words that the end of a line breaks. A first letter may be a drop cap, which is a line of its own.
BROKEN_WORDS = r"""
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const broken = new Set();
while (texts.nextNode()) {
  const text = texts.currentNode;
  if (!text.parentElement.checkVisibility() || text.parentElement.closest("code, pre, .nobody")) continue;
  for (const word of text.data.matchAll(/\p{L}{3,}/gu)) {
    const range = document.createRange();
    range.setStart(text, word.index + 1);
    range.setEnd(text, word.index + word[0].length);
    const rows = new Set([...range.getClientRects()].map(({ top }) => Math.round(top)));
    if (rows.size > 1) broken.add(word[0]);
  }
}
return [...broken];
"""


@pytest.fixture
def pages(site: Site) -> list[str]:
    """The pages that a visitor finds, a few of each kind."""
    return public_pages(site, *UNLINKED)


def test_no_page_has_an_error_on_its_console(
    stack: Stack, chromium: WebDriver, member: Site, staff: Site, operator: Site, inbox: Inbox, pages: list[str]
) -> None:
    operator.session.cookies.update(staff.session.cookies)
    task = staff.send_task(1, 2).headers["Location"].rpartition("/")[2]
    of_staff = [*ACCOUNT, *admins_pages(staff), *rest_pages(staff)]
    own = [*of_staff, *console_pages(operator), *PROGRAMS, "/flower/", "/flower/workers"]
    assert len(pages) > 10
    assert len(own) > 30
    wrong = faults(chromium, inbox.url, ["/"])
    wrong |= faults(chromium, stack.http_url, [*pages, TOO_LONG])
    be(chromium, member)
    wrong |= faults(chromium, stack.http_url, ["/flower/"])  # they are refused
    be(chromium, operator)
    wait_until(lambda: task in operator.get("/flower/api/tasks").json(), 20, "the task in Flower")
    wrong |= faults(chromium, stack.http_url, [*own, f"/flower/task/{task}"])
    report = "\n".join(f"{page[:80]}\n  " + "\n  ".join(found) for page, found in wrong.items())
    assert not wrong, f"these pages have faults:\n{report}"


@pytest.mark.parametrize("size", [PHONE, LARGE], ids=["phone", "large"])
def test_no_line_of_a_russian_page_breaks_a_word(
    stack: Stack, chromium: WebDriver, pages: list[str], size: tuple[int, int]
) -> None:
    chromium.get(f"{stack.http_url}/accounts/login/")
    chromium.add_cookie({"name": "django_language", "value": "ru"})
    resize(chromium, size)
    wrong = {page: found for page in pages if (found := broken_words(chromium, stack.http_url + page))}
    assert see(chromium, "html").get_attribute("lang") == "ru"
    assert not wrong


def faults(session: WebDriver, site: str, pages: list[str]) -> dict[str, list[str]]:
    """Return what is wrong with each of a site's pages that is not right."""
    return {page: found for page in pages if (found := _faults(session, site, page))}


def _faults(session: WebDriver, site: str, page: str) -> list[str]:
    session.get(site + page)
    see(session, PROGRAMS.get(page, "body"))
    shown: str = session.execute_script("return document.body.innerText.trim()")
    return console.errors(session) + ([] if shown else ["the page is blank"])


def broken_words(session: WebDriver, url: str) -> list[str]:
    """Return the words of a page that lines break."""
    session.get(url)
    found: list[str] = session.execute_script(BROKEN_WORDS)
    return found


def admins_pages(site: Site) -> list[str]:
    """Return the admin's pages that its first page links to, and one for changing something."""
    found = re.findall(r'href="(/admin/[^"?#]*)"', site.get("/admin/").text)
    [article, *_] = re.findall(r'href="(/admin/news/article/\d+/change/)', site.get("/admin/news/article/").text)
    return [*dict.fromkeys(path for path in found if "logout" not in path), article]


def console_pages(site: Site) -> list[str]:
    """Return the pages that the console's first page links to."""
    found = re.findall(r'href="(/console/[^"?#]*)"', site.get("/console/").text)
    return ["/console/", *dict.fromkeys(path for path in found if not re.search(r"logout|static", path))]


def rest_pages(site: Site) -> list[str]:
    """Return the pages of the REST interface: its first page, and the lists that it names."""
    root = site.get("/rest/", headers={"Accept": "application/json"}).json()
    return ["/rest/", "/rest/token/", *(urlsplit(address).path for address in root.values())]
