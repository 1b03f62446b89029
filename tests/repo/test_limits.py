"""Every layer accepts what the layer in front of it lets through: checks the settings and docs/reference/limits.md."""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from cli import applications
from tests.support.contracts import repository

ROOT = Path(__file__).parents[2]
NGINX, DJANGO, FLASK = ROOT / "nginx", ROOT / "services/web-django", ROOT / "services/api-flask"
LIMITS, SITE = "snippets/limits.conf", "conf.d/site.conf"
#: The location of uploads that the API permits.
UPLOADS = "@permitted/api/v1/datasets/"

#: Headers that Debian's Nginx accepts from a client: its default, for which not every 1.26 has a directive.
MOST_HEADERS = 1000
#: The buffer into which Nginx reads a request before it uses the large buffers. Source: client_header_buffer_size
FIRST_BUFFER = 1024
#: Bytes by which a header grows in uWSGI's variables: HTTP_ and two lengths of two bytes each replace colon and line's
#: end.
GROWTH = 9 - 3
#: Upper bound of the bytes that Nginx and uWSGI add themselves: names of hosts, ids, types.
OWN_VARIABLES = 2048
#: Variables that uWSGI adds to the headers: method, address, path, query, protocol, names, port, client.
UWSGI_VARIABLES = 9

UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "s": 1}

#: Headers only for the next hop. Source: RFC 9110, section 7.6.1, and 10.1.1 for Expect, which Nginx answers.
HOP_BY_HOP = {
    *("Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Transfer-Encoding", "Upgrade"),
    *("Proxy-Authorization", "Expect"),
}
#: The headers that Nginx itself drops when it speaks HTTP. Source: ngx_http_proxy_module, ngx_http_proxy_headers
KEPT_BACK = {"Connection", "Keep-Alive", "TE", "Transfer-Encoding", "Upgrade", "Expect"}


def directive(path: str, name: str, within: str = "") -> str:
    """Return the value of one of Nginx's directives, the first one after the text ``within``."""
    text = (NGINX / path).read_text(encoding="utf-8")
    found = re.search(rf"^ *{name} (.+?);", text[text.index(within) :], re.MULTILINE)
    assert found, f"{path} has no {name}"
    return found[1]


def derived(path: str, name: str) -> str:
    """Return the value of a directive that the contracts give a location at the stack's own address."""
    locations = repository().contents["nginx.locations.conf"]
    found = re.search(rf"^location {path} {{[^}}]*{name} (\w+);", locations, re.MULTILINE)
    assert found, path
    return found[1]


def largest_body(path: str) -> str:
    """Return the contracts' limit of a request's body for a path."""
    return derived(path, "client_max_body_size")


def setting(name: str) -> int:
    """Return the default of a variable in ``.env.example``."""
    found = re.search(rf"^# {name}=(\d+)$", (ROOT / ".env.example").read_text(encoding="utf-8"), re.MULTILINE)
    assert found, name
    return int(found[1])


def number(value: str) -> int:
    """Return a size in bytes, or a time in seconds."""
    found = re.fullmatch(r"(\d+)([kms]?)", value)
    assert found, value
    return int(found[1]) * UNITS[found[2]]


def seconds(value: str) -> int:
    """Return a time of a contract in seconds."""
    return int(value[:-1]) * {"s": 1, "m": 60, "h": 3600}[value[-1]]


def uwsgi(name: str, file: str = "uwsgi.ini") -> int:
    found = re.search(rf"^{name} = (\d+)$", (FLASK / file).read_text(encoding="utf-8"), re.MULTILINE)
    assert found, name
    return int(found[1])


def constants(path: Path) -> dict[str, float]:
    """Return the named numbers of a Python module or a shell script; products are multiplied out."""
    found = re.findall(
        r"^(\w+)(?:: \w+)? ?= ?([\d_.]+(?: \* [\d_.]+)*)", path.read_text(encoding="utf-8"), re.MULTILINE
    )
    return {name: math.prod(map(float, product.split(" * "))) for name, product in found}


def grace(service: str) -> int:
    """Return the seconds that a service has to stop."""
    compose = "".join(path.read_text(encoding="utf-8") for path in applications.files())
    found = re.search(r"stop_grace_period: (\d+)s", compose[compose.index(f"\n  {service}:\n") :])
    assert found, service
    return int(found[1])


BUFFERS, BUFFER = map(number, directive(LIMITS, "large_client_header_buffers").split())
#: Bytes that Nginx reads of a request before its body.
LINE_AND_HEADERS = FIRST_BUFFER + BUFFERS * BUFFER
SHARED = constants(ROOT / "libs/runtime/landfast_runtime/django/gunicorn.py")
GUNICORN = SHARED | constants(DJANGO / "gunicorn.conf.py")
PATIENCE = constants(ROOT / "libs/runtime/landfast_runtime/postgres/restarts.py")["PATIENCE"]
DRAIN = constants(ROOT / "images/postgres/entrypoint.sh")["drain_seconds"]


def test_uwsgi_s_buffer_holds_whatever_nginx_lets_in() -> None:
    # The buffer has the address twice: complete, and as path or query.
    largest = LINE_AND_HEADERS + BUFFER + MOST_HEADERS * GROWTH + OWN_VARIABLES

    assert largest <= uwsgi("buffer-size") < 1 << 16


def test_uwsgi_takes_as_many_headers_as_nginx_and_its_variables() -> None:
    own = (NGINX / "snippets/proxy-headers.conf").read_text(encoding="utf-8").count("\nproxy_set_header")

    assert uwsgi("max-vars") >= MOST_HEADERS + own + UWSGI_VARIABLES


def test_gunicorn_takes_the_line_and_the_headers_that_nginx_does() -> None:
    own = (NGINX / "snippets/proxy-headers.conf").read_text(encoding="utf-8").count("\nproxy_set_header")

    assert GUNICORN["limit_request_line"] == 0, "no limit"
    # In HTTP/2 each cookie is a header; Nginx passes all of them on as one.
    assert GUNICORN["limit_request_field_size"] >= BUFFERS * BUFFER
    assert GUNICORN["limit_request_fields"] >= MOST_HEADERS + own


def test_nginx_lets_in_the_bodies_that_the_applications_take() -> None:
    picture = constants(DJANGO / "news/uploads.py")["MAX_BYTES"]
    dataset = constants(FLASK / "api/datasets/views.py")["MAX_FILE"]

    assert number(largest_body("/")) > picture
    assert number(largest_body(UPLOADS)) == dataset
    assert number(directive(LIMITS, "client_max_body_size")) > constants(FLASK / "api/routes/operation.py")["MAX_BODY"]


def test_nginx_waits_for_whatever_a_service_may_still_answer() -> None:
    upload = constants(FLASK / "api/datasets/bodies.py")["LONGEST"]

    assert number(directive("snippets/upstream-failover.conf", "proxy_read_timeout")) > uwsgi("harakiri")
    assert seconds(derived(UPLOADS, "proxy_read_timeout")) > upload
    assert GUNICORN["keepalive"] > number(directive(LIMITS, "keepalive_timeout"))


def test_one_address_leaves_most_of_the_lane_for_uploads_to_others() -> None:
    assert 4 * number(derived(UPLOADS, "limit_conn uploads")) <= setting("API_UPLOADS")


def test_a_slow_piece_of_an_upload_ends_before_nginx_and_uwsgi_give_up_on_silence() -> None:
    piece = constants(FLASK / "api/uploads.py")["LONGEST_PIECE"]

    assert piece < min(number(directive(LIMITS, "client_body_timeout")), uwsgi("socket-timeout", "uploads.ini"))


def test_a_stop_waits_longer_than_the_requests_that_run() -> None:
    assert grace("web-django") > GUNICORN["graceful_timeout"]
    assert grace("api-flask") > uwsgi("worker-reload-mercy") > uwsgi("harakiri")
    assert grace("api-uploads") > uwsgi("worker-reload-mercy", "uploads.ini")


def test_nobody_cuts_off_a_request_that_waits_for_a_postgres_that_restarts() -> None:
    database = constants(FLASK / "api/db.py")
    longest = PATIENCE + database["CONNECT_TIMEOUT"] + database["STATEMENT_TIMEOUT"] / 1000

    assert longest < min(uwsgi("harakiri"), GUNICORN["timeout"], GUNICORN["graceful_timeout"])
    # When waiting requests occupy all threads, the health check waits behind them.
    templates = (ROOT / "compose.templates.yaml").read_text(encoding="utf-8")
    asked = re.search(r"^    healthcheck:.*?^      timeout: (\d+)s$", templates, re.MULTILINE | re.DOTALL)
    assert asked
    assert min(int(asked[1]), number(directive(SITE, "proxy_read_timeout", "location = /readyz {"))) > PATIENCE


def test_transactions_may_end_before_postgres_stops_while_requests_still_wait() -> None:
    checkpoint = re.search(r"seconds \+ (\d+)", (ROOT / "images/postgres/drain").read_text(encoding="utf-8"))
    assert checkpoint

    assert DRAIN <= PATIENCE / 2, "the rest of the time is for the stop and the start"
    assert grace("postgres") > 2 * (DRAIN + int(checkpoint[1])), "the rest of the time is for the fast shutdown"


def test_nginx_hands_no_header_on_that_was_meant_for_itself() -> None:
    headers = (NGINX / "snippets/uwsgi-headers.conf").read_text(encoding="utf-8")
    kept = set(re.findall(r'^uwsgi_param HTTP_(\w+) "";$', headers, re.MULTILINE))
    assert kept == {name.upper().replace("-", "_") for name in HOP_BY_HOP}

    headers = (NGINX / "snippets/proxy-headers.conf").read_text(encoding="utf-8")
    kept = set(re.findall(r'^proxy_set_header ([\w-]+) "";$', headers, re.MULTILINE))
    assert kept | KEPT_BACK == HOP_BY_HOP


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("Request line", f"{BUFFER >> 10} KiB"),
        ("All headers together", f"{BUFFERS * BUFFER >> 10} KiB"),
        ("Number of headers", f"{MOST_HEADERS:,}"),
        ("Body for the site", largest_body("/").replace("m", " MiB")),
        ("Body for the API", directive(LIMITS, "client_max_body_size").replace("m", " MiB")),
        ("Upload of a dataset", largest_body(UPLOADS).replace("m", " MiB")),
        ("Uploads at once", f"{derived(UPLOADS, 'limit_conn uploads')} from one address"),
        ("Time for an upload", f"{seconds(derived(UPLOADS, 'proxy_read_timeout'))} s"),
        ("Time for an answer of the API", f"{uwsgi('harakiri')} s"),
        ("A PostgreSQL that restarts", f"{PATIENCE:g} s"),
        ("Running transactions at a stop of PostgreSQL", f"{DRAIN:g} s"),
    ],
)
def test_the_table_of_limits_has_the_values_that_are_set(words: str, value: str) -> None:
    [row] = [
        line
        for line in (ROOT / "docs/reference/limits.md").read_text(encoding="utf-8").splitlines()
        if line.startswith(f"| {words} |")
    ]

    assert value in row
