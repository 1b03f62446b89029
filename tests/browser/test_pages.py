"""Every page for people shows some content, and causes no error on the browser's console."""

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

#: Pages that no link leads to, or not always.
UNLINKED = ("/", "/no-such-page/", "/search/?q=boat", "/console/readiness/", "/console/login/", "/api/reports")

#: Pages whose scripts make the content, each with a selector of that content.
PROGRAMS = {
    "/graphql/": ".graphiql-query-editor",
    "/rest/docs/": ".swagger-ui .opblock",
    "/api/docs": ".swagger-ui .opblock",
    "/flower/tasks": "#tasks-table",
    "/flower/broker": "table",
    "/rabbitmq/": "#main h1",
}

#: RabbitMQ's pages that have handlers in their text, each with its heading, and a script that reads it.
RABBITMQ = {"": "Overview", "queues": "Queues", "exchanges": "Exchanges", "feature-flags": "Feature Flags"}
HEADING = "return document.querySelector('h1')?.innerText"

#: Pages of a user with an account.
ACCOUNT = ("/accounts/profile/", "/accounts/profile/edit/", "/accounts/password/", "/accounts/verify/")

#: Pages of an operator's second factor.
FACTOR = ("/console/second-factor/totp/activate/", "/console/second-factor/webauthn/add/", "/console/reauthenticate/")

#: An address that Nginx itself refuses.
TOO_LONG = f"/?q={'a' * 70_000}"

LARGE, LAPTOP = (1600, 900), (1400, 900)

#: Returns the width of the page, and of the part of the operators' list of tasks that is out of sight.
WIDTHS = """
const list = document.querySelector("#result_list").parentElement;
return [document.documentElement.scrollWidth, list.scrollWidth - list.clientWidth];
"""

#: Returns the words that are broken at the end of a line. The first letter is left out: a drop cap is a separate line.
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
    """Return the pages that a visitor finds, a few of each kind."""
    return public_pages(site, *UNLINKED)


def test_no_page_has_an_error_on_its_console(
    stack: Stack, chromium: WebDriver, member: Site, staff: Site, operator: Site, inbox: Inbox, pages: list[str]
) -> None:
    operator.session.cookies.update(staff.session.cookies)
    task = staff.send_task(1, 2).headers["Location"].rpartition("/")[2]
    of_staff = [*ACCOUNT, *admins_pages(staff), *rest_pages(staff)]
    own = [*of_staff, *console_pages(operator), *FACTOR, *PROGRAMS, "/flower/", "/flower/workers"]
    assert len(pages) > 10
    assert len(own) > 30
    wrong = faults(chromium, inbox.url, ["/"])
    wrong |= faults(chromium, stack.http_url, [*pages, TOO_LONG])
    be(chromium, member)
    wrong |= faults(chromium, stack.http_url, ["/flower/"])  # this user is refused
    be(chromium, operator)
    wait_until(lambda: task in operator.get("/flower/api/tasks").json(), 20, "the task in Flower")
    wrong |= faults(chromium, stack.http_url, [*own, f"/flower/task/{task}"])
    report = "\n".join(f"{page[:80]}\n  " + "\n  ".join(found) for page, found in wrong.items())
    assert not wrong, f"these pages have faults:\n{report}"


def test_rabbitmqs_pages_work_without_inline_scripts(stack: Stack, chromium: WebDriver, operator: Site) -> None:
    be(chromium, operator)
    for place, heading in RABBITMQ.items():
        chromium.get(f"{stack.http_url}/rabbitmq/#/{place}")
        wait_for_heading(chromium, heading)
    assert not [message for message in console.errors(chromium) if "Content Security Policy" in message]


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


def test_the_list_of_tasks_fits_into_a_window_of_a_laptop(stack: Stack, chromium: WebDriver, operator: Site) -> None:
    be(chromium, operator)
    resize(chromium, LAPTOP)
    chromium.get(f"{stack.http_url}/console/outbox/task/")
    shown = see(chromium, "#result_list .field-short_id")

    widths: list[int] = chromium.execute_script(WIDTHS)
    assert widths == [LAPTOP[0], 0], "neither the page nor the list in it scrolls"
    assert shown.rect["x"] + shown.rect["width"] <= LAPTOP[0]


def wait_for_heading(session: WebDriver, heading: str) -> None:
    """Wait until the page has a heading."""
    wait_until(lambda: session.execute_script(HEADING) == heading, 20, f"the heading {heading}")


def faults(session: WebDriver, site: str, pages: list[str]) -> dict[str, list[str]]:
    """Return page -> its faults, for the pages of a site that have some."""
    return {page: found for page in pages if (found := _faults(session, site, page))}


def _faults(session: WebDriver, site: str, page: str) -> list[str]:
    session.get(site + page)
    see(session, PROGRAMS.get(page, "body"))
    shown: str = session.execute_script("return document.body.innerText.trim()")
    return console.errors(session) + ([] if shown else ["the page is blank"])


def broken_words(session: WebDriver, url: str) -> list[str]:
    """Return the words of a page that are broken at the end of a line."""
    session.get(url)
    found: list[str] = session.execute_script(BROKEN_WORDS)
    return found


def admins_pages(site: Site) -> list[str]:
    """Return the admin's pages that its first page links to, and a page for a change."""
    found = re.findall(r'href="(/admin/[^"?#]*)"', site.get("/admin/").text)
    [article, *_] = re.findall(r'href="(/admin/news/article/\d+/change/)', site.get("/admin/news/article/").text)
    return [*dict.fromkeys(path for path in found if "logout" not in path), article]


def console_pages(site: Site) -> list[str]:
    """Return the pages that the console's first page links to."""
    found = re.findall(r'href="(/console/[^"?#]*)"', site.get("/console/").text)
    return ["/console/", *dict.fromkeys(path for path in found if not re.search(r"logout|static", path))]


def rest_pages(site: Site) -> list[str]:
    """Return the pages of the REST interface: its first page, and the lists on it."""
    root = site.get("/rest/", headers={"Accept": "application/json"}).json()
    return ["/rest/", "/rest/token/", *(urlsplit(address).path for address in root.values())]
