"""Injections into SQL by sqlmap, at level 3 in all parameters of requests with an account: others' work, unchanged.

Left out are the forms whose limit answers after a few tries in place of the database: logins, comments and letters.
https://github.com/sqlmapproject/sqlmap/wiki/Usage explains the levels.
"""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from tests.support import scanner
from tests.support.site import Site
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import Person
    from tests.support.stack import Stack

#: Seconds for one request, into which sqlmap puts some hundred payloads for each parameter, and for all of them.
EACH, ALL = 420, 1500
#: Scans at the same time.
AT_ONCE = 3
#: The level: cookies are parameters from 2 on, User-Agent and Referer from 3 on. An answer may be 404 or 429.
OPTIONS = (
    "--batch --ignore-stdin --disable-coloring --level=3 --dbms=PostgreSQL --keep-alive --ignore-code=404,429"
    " --output-dir=/tmp/sqlmap"
)
#: Each application reads these parameters in one place, so that one request of each is enough.
WITHOUT_HEADERS = "--skip=cookie,user-agent,referer"
#: Prints each scan's end; -r reads the request from a file. A star in it marks a parameter that is a part of a path.
SCRIPT = f"""
cd /requests && ls | xargs -P {AT_ONCE} -I NAME sh -c '
    timeout "$1" sqlmap -r /requests/NAME {OPTIONS} $(cat /options/NAME) > /tmp/NAME.log 2>&1
    echo "ended with $?" >> /tmp/NAME.log
' scan "$1"
for name in *; do echo "=== $name"; cat "/tmp/$name.log"; done
"""
FOUND, CLEAN = "identified the following injection point", "all tested parameters do not appear to be injectable"
#: REST answers 600 requests a minute of one user: each of these scans has a user of its own.
PATIENTLY = "--delay=0.1"


@dataclass(frozen=True)
class Attempt:
    """A request whose parameters sqlmap tries.

    Args:
        name: for messages.
        path: path and query.
        body: form fields or, with a JSON type, a document; none for GET.
        headers: more headers.
        options: more options of sqlmap.
        all_headers: whether cookies and headers are parameters, too.
    """

    name: str
    path: str
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    options: str = ""
    all_headers: bool = False

    def text(self, host: str) -> str:
        """Return the request as a file for sqlmap."""
        lines = [f"{'POST' if self.body else 'GET'} {self.path} HTTP/1.1", f"Host: {host}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        return "\n".join([*lines, "", self.body])


def scan(folder: Path, host: str, attempts: list[Attempt]) -> dict[str, str]:
    """Return sqlmap's output for each attempt.

    Args:
        folder: an empty folder.
        host: the host and the port, on this machine.
        attempts: the requests.
    """
    requests, options = folder / "requests", folder / "options"
    requests.mkdir()
    options.mkdir()
    for each in attempts:
        (requests / each.name).write_text(each.text(host), encoding="utf-8")
        (options / each.name).write_text(
            f"{each.options} {'' if each.all_headers else WITHOUT_HEADERS}", encoding="utf-8"
        )
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    volumes = (f"--volume={requests}:/requests:ro", f"--volume={options}:/options:ro")
    printed = scanner.run(SCRIPT, f"{PATIENCE * EACH:.0f}", timeout=ALL, options=volumes)
    _, *parts = re.split(r"^=== ", printed, flags=re.MULTILINE)
    return dict(part.split("\n", 1) for part in parts)


class Careless(BaseHTTPRequestHandler):
    """A page that writes its parameter into the query of a database."""

    def do_GET(self) -> None:
        """Answer with the matching row, or that there is none."""
        name = parse_qs(urlsplit(self.path).query).get("name", [""])[0]
        database = sqlite3.connect(":memory:")
        database.executescript("CREATE TABLE rope (name TEXT); INSERT INTO rope VALUES ('bowline');")
        try:
            found = database.execute(f"SELECT name FROM rope WHERE name = '{name}'").fetchall()  # noqa: S608 - on purpose
        except sqlite3.Error:
            found = []
        finally:
            database.close()
        answer = ("a rope of this name: bowline" if found else "no such rope here").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def test_the_scanner_finds_an_injection_where_one_is(scanners: None, tmp_path: Path) -> None:  # noqa: ARG001 - it has to exist
    with ThreadingHTTPServer(("127.0.0.1", 0), Careless) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            attempt = Attempt("careless", "/?name=bowline")
            output = scan(tmp_path, f"127.0.0.1:{server.server_port}", [attempt])["careless"]
        finally:
            server.shutdown()
            thread.join()

    assert FOUND in output, output


def session(url: str, person: Person) -> dict[str, str]:
    """Return the headers of a new member's browser."""
    visitor = Site(url)
    assert visitor.register(person.name, person.email, person.password).status_code == 302
    visitor.get("/accounts/profile/edit/")
    cookies = visitor.session.cookies
    return {
        "Cookie": "; ".join(f"{name}={cookies[name]}" for name in ("sessionid", "csrftoken")),
        "X-CSRFToken": cookies["csrftoken"],
        "Referer": f"{url}/",
    }


@pytest.fixture
def key(stack: Stack) -> dict[str, str]:
    """Return the headers of a program with a key of the API."""
    create = ("flask", "--app", "api.wsgi", "keys", "create", "sqlmap", "--scope=all", "--requests-per-minute=1000000")
    made = re.search(r"lfk_\w+_[\w-]+", stack.execute("api-flask", *create))
    assert made
    return {"Authorization": f"Bearer {made[0]}"}


def of_site(url: str, make_person: Callable[[], Person]) -> list[Attempt]:
    """Return the requests to Django: its pages, REST and GraphQL."""
    article = Site(url).get("/rest/articles/").json()["results"][0]
    slug, narrowed = article["slug"], {"category": article["category"], "tag": article["tags"][0]}
    listed = {"search": "rope", "ordering": "title", "status": "published", "page": 1, "page_size": 5, **narrowed}
    dated = {"published_after": "2020-01-01", "published_before": "2040-01-01"}
    comments = {"article": slug, "created_after": "2020-01-01", "ordering": "created_at", "page_size": 5}
    query = """query($search: String, $category: String, $tag: String) {
        articles(search: $search, category: $category, tag: $tag) { results { title } } }"""
    document = {"query": query, "variables": {"search": "rope", **narrowed}}
    person = make_person()
    member = session(url, person)
    profile = {"first_name": "Ada", "last_name": "Knot", "language": "en", "email": person.email}
    return [
        Attempt("site-search", "/search/?q=rope&page=1", headers=member, all_headers=True),
        Attempt("site-list", "/?page=1"),
        Attempt("site-article", f"/news/{slug}*/"),
        Attempt("site-category", f"/news/category/{narrowed['category']}*/?page=1"),
        Attempt("site-tag", f"/news/tag/{narrowed['tag']}*/?page=1"),
        Attempt("site-profile", "/accounts/profile/edit/", urlencode(profile), member),
        Attempt(
            "rest-articles",
            f"/rest/articles/?{urlencode(listed)}",
            headers=session(url, make_person()),
            options=PATIENTLY,
        ),
        Attempt(
            "rest-dates", f"/rest/articles/?{urlencode(dated)}", headers=session(url, make_person()), options=PATIENTLY
        ),
        Attempt("rest-article", f"/rest/articles/{slug}*/", headers=session(url, make_person()), options=PATIENTLY),
        Attempt(
            "rest-comments",
            f"/rest/comments/?{urlencode(comments)}",
            headers=session(url, make_person()),
            options=PATIENTLY,
        ),
        Attempt("graphql", "/graphql/", json.dumps(document), {**member, "Content-Type": "application/json"}),
    ]


def of_api(api: Site, key: dict[str, str]) -> list[Attempt]:
    """Return the requests to Flask."""
    sent = {**key, "Content-Type": "text/csv"}
    columns = {"columns": "city:text,amount:integer"}
    made = api.post(
        "/api/v1/datasets/", params={"name": "sqlmap", **columns}, data="city,amount\nRiga,1\n", headers=sent
    )
    dataset = made.json()["id"]
    page = {"page[number]": 1, "page[size]": 5, "sort": "name"}
    units = {**page, "filter[symbol]": "m", "filter[name]": "metre", "filter[quantity]": "length"}
    labels = {**page, "filter[name]": "a", "filter[note]": "b"}
    json_headers = {**key, "Content-Type": "application/json"}
    report = {"dataset": dataset, "group_by": "city", "value": "amount", "measure": "sum"}
    return [
        Attempt("api-units", f"/api/v1/units?{urlencode(units)}", headers=key),
        Attempt("api-labels", f"/api/v1/labels?{urlencode(labels)}", headers=key),
        Attempt("api-unit", "/api/v1/units/1*", headers=key),
        Attempt("api-datasets", "/api/v1/datasets/?offset=0&limit=5", headers=key, all_headers=True),
        Attempt("api-rows", f"/api/v1/datasets/{dataset}*/rows?offset=0&limit=5", headers=key),
        Attempt("api-report", "/api/v1/reports/", json.dumps(report), json_headers),
        Attempt("api-reports", "/api/v1/reports/?offset=0&limit=5", headers=key),
        Attempt("api-task", "/api/v1/tasks/3f1d1f6e-0f5c-4c53-9d6f-1f0f3f3a7a11*", headers=key),
        Attempt("api-add", "/api/v1/tasks/add?engine=celery", json.dumps({"x": 1, "y": 2}), json_headers),
    ]


@pytest.mark.long  # a quarter of an hour; each service's own tests send hostile values in every run
def test_no_parameter_of_the_site_or_the_api_reaches_the_database_as_sql(
    scanners: None,  # noqa: ARG001 - the image has to exist
    stack: Stack,
    make_person: Callable[[], Person],
    key: dict[str, str],
    tmp_path: Path,
) -> None:
    attempts = [*of_site(stack.http_url, make_person), *of_api(Site(stack.http_url), key)]
    outputs = scan(tmp_path, f"localhost:{stack.ports.http}", attempts)
    assert outputs.keys() == {each.name for each in attempts}

    assert {name: output for name, output in outputs.items() if FOUND in output} == {}
    assert {name: output[-2000:] for name, output in outputs.items() if CLEAN not in output} == {}
