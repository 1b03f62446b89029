"""The site's pages, as a visitor sees them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import pytest

from tests.support.site import Site

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Person
    from tests.support.stack import Stack

    Trusting = Callable[[Stack], Site]

PAGES = ("/", "/accounts/register/", "/accounts/login/", "/admin/login/")


class References(HTMLParser):
    """Collects what a page makes a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        loads = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "form": "action"}
        if tag in loads and values.get(loads[tag]):
            self.found.append(values[loads[tag]] or "")


def references(page: str) -> list[str]:
    parser = References()
    parser.feed(page)
    return parser.found


def first_article(site: Site) -> str:
    """Return the path of the first article that the home page leads to."""
    found = re.search(r'href="(/news/[^"]+/)"', site.get("/").text)
    assert found, "the home page leads to no article"
    return found[1]


@pytest.mark.parametrize("path", PAGES)
def test_it_serves_the_page(site: Site, path: str) -> None:
    response = site.get(path)

    assert response.status_code == 200
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert '<meta name="viewport"' in response.text, "the page was not made for phones"


def test_it_leads_from_the_home_page_to_an_article_worth_reading(site: Site) -> None:
    article = site.get(first_article(site))

    assert article.status_code == 200
    words = re.sub(r"<[^>]+>", " ", article.text).split()
    assert len(words) > 150, "an article has something to say"


def test_it_says_404_for_an_address_that_leads_nowhere(site: Site) -> None:
    response = site.get("/no/such/page/")

    assert response.status_code == 404
    assert "Traceback" not in response.text
    assert "DEBUG" not in response.text


def test_it_sends_an_anonymous_visitor_of_the_admin_to_the_login(site: Site) -> None:
    response = site.get("/admin/")

    assert response.status_code == 302
    assert urlsplit(response.headers["Location"]).path == "/admin/login/"


@pytest.mark.parametrize("path", [*PAGES, "article"])
def test_its_pages_load_nothing_from_other_origins(site: Site, path: str) -> None:
    path = first_article(site) if path == "article" else path
    page = site.get(path).text
    todo = references(page)
    assert any(reference.endswith(".css") for reference in todo), "the page has no style sheet"

    for reference in todo:
        address = urljoin(site.url + path, reference)
        assert address.startswith(site.url), f"{path} loads {reference}"
        loaded = site.get(address)
        assert loaded.status_code in {200, 405}, f"{reference} of {path} answered {loaded.status_code}"
        if reference.endswith(".css"):
            assert not re.search(r"(url\(|@import)\s*['\"]?(https?:)?//", loaded.text), (
                f"{reference} loads from elsewhere"
            )


def test_its_static_files_may_be_kept_forever_because_their_name_holds_a_hash(shipped: Stack) -> None:
    site = Site(shipped.http_url)
    style = next(reference for reference in references(site.get("/").text) if reference.endswith(".css"))

    response = site.get(style)

    assert re.search(r"\.[0-9a-f]{12}\.css$", style), "no hash in the name"
    assert "immutable" in response.headers["Cache-Control"]


@pytest.mark.parametrize("path", [*PAGES, "/healthz"])
def test_it_serves_the_same_over_https_with_the_local_authority(stack: Stack, trusting: Trusting, path: str) -> None:
    assert trusting(stack).get(path).status_code == 200


def test_its_forms_work_over_https(shipped: Stack, trusting: Trusting, person: Person) -> None:
    site = trusting(shipped)

    response = site.submit("/accounts/login/", {"username": person.name, "password": "not the password"})

    assert response.status_code == 200, "the form was refused (403 would be its cross-site protection)"
    assert "sessionid" not in site.session.cookies
