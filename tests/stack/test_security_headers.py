"""Headers that every location must send: whoever answers, Nginx, Django, Flask or Flower."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from typing import TYPE_CHECKING

import pytest

from tests.support.site import TIMEOUT

if TYPE_CHECKING:
    from tests.support.site import Site

LOCATIONS = {
    "a page": "/",
    "a page that is not there": "/no/such/page/",
    "the admin": "/admin/login/",
    "the API": "/api/v1/tasks/00000000-0000-0000-0000-000000000000",
    "an address that the API does not have": "/api/v1/nowhere",
    "Nginx itself": "/healthz",
    "the readiness page": "/readyz",
    "Flower's way to the login": "/flower/",
    "the management pages' way to the login": "/rabbitmq/",
}
everywhere = pytest.mark.parametrize("path", LOCATIONS.values(), ids=LOCATIONS.keys())


@everywhere
def test_it_forbids_guessing_types_and_being_framed(site: Site, path: str) -> None:
    headers = site.get(path).headers

    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] in {"DENY", "SAMEORIGIN"}
    assert headers["Referrer-Policy"] in {"same-origin", "strict-origin-when-cross-origin", "no-referrer"}


@everywhere
def test_it_says_each_header_once(site: Site, path: str) -> None:
    with site.session.get(site.url + path, stream=True, allow_redirects=False, timeout=TIMEOUT) as response:
        names = [name.lower() for name in response.raw.headers]
        twice = {name for name in names if len(response.raw.headers.getlist(name)) > 1} - {"set-cookie", "vary"}

    assert not twice


@everywhere
def test_it_names_the_request_in_the_answer(site: Site, path: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", site.get(path).headers["X-Request-ID"])


@everywhere
def test_it_keeps_a_callers_own_request_id(site: Site, path: str) -> None:
    response = site.get(path, headers={"X-Request-ID": "caller-0123456789"})

    assert response.headers["X-Request-ID"] == "caller-0123456789"


@everywhere
def test_it_replaces_a_request_id_that_is_not_safe_to_log(site: Site, path: str) -> None:
    response = site.get(path, headers={"X-Request-ID": 'x"},{"level":"forged'})

    assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", response.headers["X-Request-ID"])


@everywhere
def test_it_tells_nobody_which_version_of_nginx_it_runs(site: Site, path: str) -> None:
    assert site.get(path).headers["Server"] == "nginx"


def test_its_pages_run_no_script_that_is_not_the_sites_own(site: Site) -> None:
    policy = site.get("/").headers["Content-Security-Policy"]

    assert "default-src 'self'" in policy or "default-src 'none'" in policy
    assert "unsafe-inline" not in policy.partition("script-src")[2].partition(";")[0]


def test_a_page_of_nginx_itself_has_its_style_in_it_and_may_use_it(site: Site) -> None:
    answer = site.get(f"/?{'x' * 9000}", headers={"Accept": "text/html"})
    (style,) = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)

    assert (answer.status_code, "color-scheme" in style) == (414, True)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]


def test_its_cookies_are_kept_from_scripts_and_other_sites(member: Site) -> None:
    session = next(cookie for cookie in member.session.cookies if cookie.name == "sessionid")

    assert session.has_nonstandard_attr("HttpOnly")
    assert session.get_nonstandard_attr("SameSite") in {"Lax", "Strict"}


@pytest.mark.parametrize("path", ["/internal/", "/internal/auth/operator", "/pages/403.html"])
def test_it_hides_what_only_nginx_may_ask(site: Site, path: str) -> None:
    assert site.get(path).status_code == 404


def test_it_refuses_a_host_name_that_is_not_its_own(site: Site) -> None:
    assert site.get("/", headers={"Host": "evil.example"}).status_code == 400
