"""Apache in Nginx's place, and mod_wsgi below the demo's applications: compose.apache.yaml passes the smoke tests.

docs/how-to/wsgi-servers.md has what this variant cannot do.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

import pytest

from contract.files import read
from contract.smoke import checks
from tests.conftest import log_in_to_console, running
from tests.support import secrets
from tests.support.leftovers import remove_leftovers
from tests.support.protocols import connected
from tests.support.site import Site
from tests.support.stack import PREFIX, ROOT, Stack
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# It builds all servers and starts a stack of its own: minutes. Each run has tests/repo/test_apache.py for the routes.
pytestmark = pytest.mark.long

#: Apache answers requests of both applications as well.
SERVERS = {"WEB_SERVER": "mod_wsgi", "API_SERVER": "mod_wsgi"}
REQUEST_ID = "request-4712"


@pytest.fixture(scope="module")
def apache() -> Iterator[Stack]:
    """The shipped stack with this variant."""
    remove_leftovers()
    stack = Stack(f"{PREFIX}{os.getpid()}-apache", files=("compose.yaml", "compose.apache.yaml"), variables=SERVERS)
    with running(stack, by_hand=False):
        yield stack


@pytest.fixture
def visitor(apache: Stack) -> Site:
    """An anonymous visitor."""
    return Site(apache.http_url)


@pytest.fixture(scope="module")
def authority(apache: Stack) -> str:
    """The certificate of the stack's own authority."""
    return secrets.show(apache, "ca_certificate")


def test_no_nginx_runs(apache: Stack, visitor: Site) -> None:
    assert visitor.get("/healthz").headers["Server"] == "Apache"
    for service in ("nginx", "web-django", "api-flask"):
        assert "apache2" in apache.execute(service, "sh", "-c", "cat /proc/[0-9]*/comm")


@pytest.mark.parametrize("check", checks(read(ROOT)), ids=lambda check: check["path"])
def test_it_passes_the_contracts_smoke_tests(visitor: Site, check: dict[str, Any]) -> None:
    assert not check["host"]
    answer = visitor.get(check["path"])

    assert answer.status_code == check["status"]
    assert check["contains"] in answer.text


def test_health_and_readiness_answer(visitor: Site) -> None:
    ready = visitor.get("/readyz")

    assert visitor.get("/healthz").text == "ok\n"
    assert ready.status_code == 200
    assert {"web-django", "api-flask"} <= ready.json()["dependencies"].keys()


def test_a_service_that_does_not_answer_is_not_ready(apache: Stack, visitor: Site) -> None:
    apache.stop("api-flask")
    try:
        wait_until(lambda: visitor.get("/readyz").status_code == 503, 20, "the report to have it")
        assert visitor.get("/api/v1/ping").status_code == 500  # its name resolves nowhere
    finally:
        apache.start("api-flask")

    wait_until(lambda: visitor.get("/api/v1/ping").status_code == 200, 20, "the API at its new address")


def test_pages_and_their_static_files_arrive(visitor: Site) -> None:
    page = visitor.get("/")
    style = re.search(r'href="(/static/[^"]+\.css)"', page.text)
    assert style
    file = visitor.get(style[1])

    assert (file.status_code, file.headers["Content-Type"]) == (200, "text/css")
    assert file.text
    assert visitor.get("/static/none.css").status_code == 404


def test_forms_and_the_api_work_over_https_and_http2(apache: Stack, authority: str, tmp_path: Path) -> None:
    (tmp_path / "authority").write_text(authority, encoding="ascii")
    secure = Site(apache.https_url, str(tmp_path / "authority"))
    secure.log_in("admin", secrets.show(apache, "admin_password"))
    assert secure.get("/admin/").status_code == 200

    with connected("HTTP/2.0", apache.ports.https, authority) as client:
        answer = client.ask("POST", "/api/v1/tasks/add", [("content-type", "application/json")], b'{"x": 4, "y": 4}')
        assert answer.status == 202
        wait_until(lambda: client.ask("GET", answer.headers["location"]).json()["ready"], 60, "the sum")


def test_flower_is_for_operators(apache: Stack, authority: str, tmp_path: Path) -> None:
    (tmp_path / "authority").write_text(authority, encoding="ascii")
    secure = Site(apache.https_url, str(tmp_path / "authority"))
    refused = secure.get("/flower/")
    assert (refused.status_code, refused.headers["Location"]) == (302, "/console/login/?next=/flower/")

    operator = log_in_to_console(apache, secure)

    for flower in ("/flower/", "/flower/vhost/web/"):
        assert f'href="{flower}static/' in operator.get(f"{flower}workers").text
    assert operator.get("/flower/metrics").status_code == 404


@pytest.mark.parametrize("path", ["/internal/auth/operator", "/rabbitmq/", "/pages/503.html"])
def test_what_is_not_for_visitors_is_not_there(visitor: Site, path: str) -> None:
    assert visitor.get(path).status_code == 404


@pytest.mark.parametrize("sent", [REQUEST_ID, "", 'x" {}'])
def test_a_request_has_an_id(visitor: Site, sent: str) -> None:
    found = visitor.get("/api/v1/ping", headers={"X-Request-ID": sent}).headers["X-Request-ID"]

    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", found)
    assert (found == sent) == (sent == REQUEST_ID)


@pytest.mark.parametrize(("size", "status"), [(1 << 20, 415), (3 << 20, 413)])
def test_a_body_that_is_too_large_reaches_no_application(visitor: Site, size: int, status: int) -> None:
    assert visitor.post("/api/v1/tasks/add", data=b"x" * size).status_code == status


def test_a_body_without_a_length_reaches_no_application(visitor: Site) -> None:
    assert visitor.post("/api/v1/tasks/add", data=iter([b"x"])).status_code == 411


def test_it_ends_by_itself_when_it_is_stopped(apache: Stack, visitor: Site) -> None:
    apache.stop("nginx")
    status = apache.inspect("nginx")["State"]["ExitCode"]
    apache.start("nginx")

    assert status == 0, "it was killed"
    assert visitor.get("/").status_code == 200
