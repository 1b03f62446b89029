"""Static files come from Nginx's own volume, as the build compressed them, and never from the application."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

from tests.support.site import Site

if TYPE_CHECKING:
    from tests.support.stack import Stack

#: How the build names compressed copies.
ENDINGS = {"gzip": "gz", "br": "br"}
STYLE = re.compile(r'href="(/static/[^"]+\.css)"')


def style(stack: Stack) -> str:
    """Return the address of the site's style sheet."""
    found = STYLE.search(Site(stack.http_url).get("/").text)
    assert found
    return found[1]


def test_static_files_come_compressed_from_the_build(shipped: Stack) -> None:
    site, path = Site(shipped.http_url), style(shipped)
    plain = site.get(path, headers={"Accept-Encoding": "identity"})
    answers = {kind: site.get(path, headers={"Accept-Encoding": kind}, stream=True) for kind in ("gzip", "br")}
    bodies = {kind: answer.raw.read(decode_content=False) for kind, answer in answers.items()}
    kept = {kind: shipped.execute("nginx", "cksum", f"/var/lib{path}.{ending}") for kind, ending in ENDINGS.items()}

    assert gzip.decompress(bodies["gzip"]) == plain.content
    for kind, answer in answers.items():
        assert answer.headers["Content-Encoding"] == kind
        assert int(kept[kind].split()[1]) == len(bodies[kind]), "as the build compressed it"
    everyone = [plain, *answers.values()]
    assert {answer.headers["Content-Type"] for answer in everyone} == {"text/css"}
    assert {answer.headers["Vary"] for answer in everyone} == {"Accept-Encoding"}
    assert len({answer.headers["ETag"] for answer in everyone}) == 3
    assert len(bodies["br"]) < len(bodies["gzip"]) < len(plain.content)


def test_a_browser_that_reads_both_gets_brotli_and_asks_again_by_its_tag(shipped: Stack) -> None:
    site, path, both = Site(shipped.http_url), style(shipped), {"Accept-Encoding": "gzip, deflate, br"}
    answer = site.get(path, headers=both, stream=True)

    assert answer.headers["Content-Encoding"] == "br"
    again = site.get(path, headers={**both, "If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_static_files_need_no_application(ready: Stack) -> None:
    site = Site(ready.http_url)
    paths = [style(ready), "/static/admin/css/base.css", "/static/news/admin.css"]
    ready.stop("web-django")

    assert {path: site.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)


def test_a_saved_style_is_not_kept_on_a_laptop(stack: Stack) -> None:
    assert Site(stack.http_url).get(style(stack)).headers["Cache-Control"] == "no-cache"
