"""The public pages of the site, found by following its own links as a visitor would."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urljoin, urlsplit

if TYPE_CHECKING:
    from tests.support.site import Site

#: The number of pages of each kind that are visited: two articles may have different elements.
OF_A_KIND = 2

_LINK = re.compile(r"""<a\b[^>]*\bhref="([^"#]+)""")

#: Third-party pages, and pages that are not public: Django's admin, Flower, RabbitMQ, the API's own pages.
FOREIGN = ("/admin/", "/flower/", "/rabbitmq/", "/rest/", "/graphql/", "/api/", "/media/", "/static/")


def public_pages(site: Site, *starts: str) -> list[str]:
    """Return the paths of the site's linked HTML pages, a few of each kind, in the order of finding.

    Args:
        site: an anonymous visitor.
        starts: the first pages, among them those that no link leads to.
    """
    waiting, pages, kinds = list(starts), [], dict[str, int]()
    seen = set(starts)
    while waiting:
        path = waiting.pop(0)
        kind = _kind(path)
        if kinds.get(kind, 0) >= OF_A_KIND and path not in starts:
            continue
        response = site.get(path)
        if not response.headers.get("Content-Type", "").startswith("text/html"):
            continue
        if response.is_redirect:
            continue
        kinds[kind] = kinds.get(kind, 0) + 1
        pages.append(path)
        for link in _links(site, response.url, response.text):
            if link not in seen and not link.startswith(FOREIGN):
                seen.add(link)
                waiting.append(link)
    return pages


def _kind(path: str) -> str:
    """Return the kind of a page: its path without the last part, and the parameters' names."""
    parts = urlsplit(path)
    folder = parts.path.rstrip("/").rpartition("/")[0]
    return f"{folder or parts.path}?{'&'.join(sorted(parse_qs(parts.query)))}"


def _links(site: Site, page: str, html: str) -> list[str]:
    addresses = [urlsplit(urljoin(page, link.replace("&amp;", "&"))) for link in _LINK.findall(html)]
    here = urlsplit(site.url).netloc
    return [f"{a.path}?{a.query}".rstrip("?") for a in addresses if a.netloc == here]
