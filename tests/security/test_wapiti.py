"""Wapiti on the site, REST and the API, each with an account: others' work, unchanged.

It crawls pages or reads the document of an API, and attacks all parameters and forms that it finds. Left out are
modules that need a server outside or are for what the stack has not (LDAP, other products), and guesses of passwords.
https://wapiti-scanner.github.io/
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import scanner

if TYPE_CHECKING:
    from tests.support.site import Site
    from tests.support.stack import Stack

MODULES = "backup,crlf,csrf,exec,file,htaccess,permanentxss,redirect,shellshock,sql,timesql,upload,xss"
#: Seconds for the crawl and for each module, and for the whole scan on an idle reference machine.
CRAWL, MODULE, ALL = 60, 20, 400
#: Pages that would end the scanner's session, or have a limit that later tests need.
LEFT_OUT = ("/accounts/logout/*", "/accounts/login/*", "/accounts/register/*", "/accounts/password/*")
SCRIPT = f"""
wapiti "$@" --module {MODULES} --level 2 --no-bugreport --store-session /tmp/session --store-config /tmp/config \\
    --max-scan-time {CRAWL} --max-attack-time {MODULE} --depth 3 --max-links-per-page 15 --tasks 4 \\
    --format json --output /tmp/report.json >&2
cat /tmp/report.json
"""
#: Findings that are no faults, and why.
EXCEPTIONS = {
    "Cross Site Request Forgery: POST /accounts/language/": "cached pages have no token: its origin is compared",
    "Cross Site Request Forgery: POST /rest/comments/": "the page's script adds the token; without it: 403",
}


def scan(url: str, path: str, *arguments: str) -> tuple[set[str], int]:
    """Return what Wapiti finds, and how many pages and requests it attacked.

    Args:
        url: the site.
        path: the part to scan.
        arguments: more options: where to begin, and the headers of an account.
    """
    left_out = [word for each in LEFT_OUT for word in ("--exclude", f"{url}{each}")]
    report: dict[str, Any] = json.loads(
        scanner.run(SCRIPT, "--url", f"{url}{path}", *left_out, *arguments, timeout=ALL)
    )
    kinds = {**report["vulnerabilities"], **report["anomalies"]}
    found = {f"{kind}: {each['method']} {each['path']}" for kind, entries in kinds.items() for each in entries}
    return found, report["infos"]["crawled_pages_nbr"]


@pytest.fixture
def session(member: Site) -> tuple[str, str]:
    """Return the header of a member's browser."""
    return "--header", f"Cookie: sessionid={member.session.cookies['sessionid']}"


@pytest.mark.long  # minutes; each service's own tests send hostile values in every run
def test_wapiti_finds_nothing_on_the_site(
    scanners: None,  # noqa: ARG001 - the image has to exist
    stack: Stack,
    session: tuple[str, str],
) -> None:
    found, pages = scan(stack.http_url, "/", "--scope", "domain", *session)

    assert found - EXCEPTIONS.keys() == set()
    assert pages > 50, "it crawled the site"


@pytest.mark.long  # as above
def test_wapiti_finds_nothing_in_rest(
    scanners: None,  # noqa: ARG001 - the image has to exist
    stack: Stack,
    session: tuple[str, str],
) -> None:
    lists = [
        "articles/?search=rope&ordering=title&status=published&page=1",
        "comments/?ordering=created_at&page_size=5",
        "categories/?page=1",
        "tags/?page=1",
    ]
    starts = [word for each in lists for word in ("--start", f"{stack.http_url}/rest/{each}")]

    found, requests = scan(stack.http_url, "/rest/", *starts, *session)

    assert found - EXCEPTIONS.keys() == set()
    assert requests >= len(lists)


@pytest.mark.long  # as above
def test_wapiti_finds_nothing_in_the_api(
    scanners: None,  # noqa: ARG001 - the image has to exist
    stack: Stack,
) -> None:
    create = ("flask", "--app", "api.wsgi", "keys", "create", "wapiti", "--scope=all", "--requests-per-minute=1000000")
    key = re.search(r"lfk_\w+_[\w-]+", stack.execute("api-flask", *create))
    assert key
    document = f"{stack.http_url}/api/openapi.json"

    account = ("--header", f"Authorization: Bearer {key[0]}")
    found, requests = scan(stack.http_url, "/api/", "--swagger", document, *account)

    assert found == set()
    assert requests > 20, "it read the document"
