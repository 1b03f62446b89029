"""Paths of contracts that Nginx caches, serves by itself or denies."""

from __future__ import annotations

import re

import pytest

from contract.derived import derive
from tests.support.contracts import HOUSE, refusal, shop


def nginx(says: str) -> str:
    """Return Nginx's locations for a contract with this entry for the path ``/place/``."""
    text = f"x-landfast: {{http: {{locations: {{/place/: {{{says}}}}}}}}}\nservices: {{shop: {{}}}}"
    return derive([HOUSE, shop(text)]).contents["nginx.locations.conf"]


@pytest.mark.parametrize(("protocol", "begin"), [("http", "proxy"), ("uwsgi", "uwsgi")])
def test_a_fresh_page_is_kept_for_those_alone_who_bring_nothing_of_their_own(protocol: str, begin: str) -> None:
    found = nginx(f'service: "shop:80", protocol: {protocol}, fresh: 1s')

    assert f"{begin}_cache_valid 200 1s;" in found
    for directive in ("cache_bypass", "no_cache"):
        assert re.search(rf"{begin}_{directive} \$http_cookie \$http_authorization;", found)
    assert f"{begin}_cache_use_stale updating;" in found
    assert f"{begin}_cache_background_update on;" in found


def test_a_location_with_the_page_cache_decides_for_each_request_whether_it_takes_part() -> None:
    found = nginx('service: "shop:80", cache: true, errors: problem, languages: [en, pt-br], language_cookie: lang')
    location = found.partition("location /place/ {")[2].partition("\n}")[0]

    assert "include snippets/page-cache.conf;" in location
    assert 'set $page_languages "en pt-br";' in location
    assert 'set $page_language_cookie "lang";' in location
    assert "set $page_zone off;" in location, "the cache is for those requests alone that lua/pages.lua lets in"
    assert "set $page_source $place;" in location
    assert "error_page 502 = @straight/place/;" in location, "the status is that of the second answer"
    assert "error_page 504 =503 /pages/503.problem;" in location
    assert "proxy_pass" not in location, "the snippet has it"


def test_a_page_is_requested_from_the_service_itself_if_the_cache_is_of_no_help() -> None:
    straight = nginx('service: "shop:80", cache: true').partition("location @straight/place/ {")[2].partition("\n}")[0]

    assert "proxy_pass http://$place;" in straight
    assert "page-cache" not in straight
    assert "$page_" not in straight


def test_requests_beside_uploads_may_be_cached_and_uploads_never_are() -> None:
    found = nginx('service: "shop:80", cache: true, uploads: {largest_body: 5m}')
    blocks = dict(re.findall(r"^location (\S+) \{\n(.*?)\n\}", found, re.MULTILINE | re.DOTALL))

    assert [name for name, block in blocks.items() if "page-cache" in block] == ["@others/place/"]


def test_no_page_is_kept_that_the_contract_does_not_call_fresh() -> None:
    assert "cache" not in nginx('service: "shop:80"')


def test_files_that_are_not_there_are_asked_of_the_service_and_kept() -> None:
    found = nginx('service: "shop:80", static: true, files: /var/lib/shop')

    assert "alias /var/lib/shop/;" in found
    assert "disable_symlinks on from=/var/lib/shop;" in found, "or applications could expose Nginx's other files"
    assert "include snippets/static-files.conf;" in found
    assert "try_files $uri @missing/place/;" in found
    assert "proxy_cache static;" in found.partition("location @missing/place/ {")[2]


def test_files_of_users_need_no_service_and_are_no_pages() -> None:
    found = nginx("files: /var/lib/shop, immutable: true")

    assert "include snippets/uploaded-files.conf;" in found
    assert 'set $cache_control "public, max-age=31536000, immutable";' in found
    assert "set $policy files;" in found, "a page among them would run with the site's origin"
    assert "proxy_pass" not in found


def test_what_is_denied_is_a_pattern_and_nothing_else_in_it_has_a_meaning() -> None:
    found = nginx("files: /var/lib/shop, deny: [private/*, '*.sql']")

    (private, dumps) = re.findall(r'location ~ "(.*)" \{', found)
    assert re.fullmatch(private, "/place/private/a\nb")
    assert not re.match(private, "/place/public/private/a")
    assert re.match(dumps, "/place/deep/down.sql")
    assert not re.match(dumps, "/place/downXsql")


@pytest.mark.parametrize("folder", ["/var/lib/../secret", "var/lib/shop", "/var/lib/shop/", "/a b", "/run/.hidden"])
def test_a_folder_that_leads_elsewhere_is_refused(folder: str) -> None:
    assert "must have the form: a folder below /var/lib/" in refusal(
        f"x-landfast: {{http: {{locations: {{/place/: {{files: '{folder}'}}}}}}}}"
    )


def test_a_place_with_neither_files_nor_a_service_is_refused() -> None:
    assert "service is missing: a service of this file and its port" in refusal(
        "x-landfast: {http: {locations: {/place/: {static: true}}}}"
    )


@pytest.mark.parametrize(
    ("says", "directive"),
    [
        ("timeout: 5m", "proxy_read_timeout 5m;"),
        ("timeout: 90s, protocol: uwsgi", "uwsgi_read_timeout 90s;"),
        ("websocket: true", "proxy_read_timeout 1h;"),
        ("websocket: true, timeout: 2h", "proxy_read_timeout 2h;"),
    ],
)
def test_a_service_has_the_time_that_its_contract_says(says: str, directive: str) -> None:
    found = nginx(f'service: "shop:80", {says}')

    assert re.findall(r"\w+_read_timeout \w+;", found) == [directive]


@pytest.mark.parametrize(
    ("says", "policy"),
    [("", "application"), (", security_headers: true", ""), (", security_headers: false", "none")],
)
def test_a_contract_chooses_the_headers_that_nginx_adds_where_the_service_sent_none(says: str, policy: str) -> None:
    assert f'set $policy "{policy}";' in nginx(f'service: "shop:80"{says}')


def test_an_application_has_the_limits_of_a_visitor_that_its_contract_says() -> None:
    text = "{locations: {/place/: {service: 'shop:80', writes: {rate: 20/m, burst: 5}, connections: 1000}}}"
    contents = derive([HOUSE, shop(f"x-landfast: {{http: {text}}}\nservices: {{shop: {{}}}}")]).contents

    assert "limit_req zone=/place/writes burst=5 nodelay;" in contents["nginx.locations.conf"]
    assert "limit_conn /place/connections 1000;" in contents["nginx.locations.conf"]
    zones = contents["nginx.servers.conf"]
    assert "limit_req_zone $writer zone=/place/writes:1m rate=20r/m;" in zones
    assert "limit_conn_zone $visitor zone=/place/connections:1m;" in zones
    assert "limit_" not in nginx("service: 'shop:80'")


def test_internal_files_are_for_those_whom_the_application_sends_there() -> None:
    text = "{hosts: [a.localhost], locations: {/place/: {files: /var/lib/shop, internal: true}}}"
    found = derive([HOUSE, shop(f"x-landfast: {{http: {text}}}")]).contents["nginx.servers.conf"]

    assert re.search(r"location /place/ \{\s+internal;\s+alias /var/lib/shop/;", found)
    assert "location = /place " not in found, "a redirect would tell that something is there"
    assert "$cache_control" not in found, "the application says who may keep them"
    assert "set $policy application;" in found, "the application names their types: a PDF is shown in no sandbox"


@pytest.mark.parametrize(
    ("says", "said"),
    [
        ("files: /var/lib/shop, internal: true", "internal requires hosts"),
        ("service: 'shop:80', immutable: true", "immutable requires files"),
        ("files: /var/lib/shop, timeout: 1m", "timeout requires service"),
        ("files: /var/lib/shop, fresh: 1s", "fresh requires service"),
        ("service: 'shop:80', static: true, fresh: 1s", "fresh and static exclude each other"),
        ("service: 'shop:80', cache: true, fresh: 1s", "cache and fresh exclude each other"),
        ("service: 'shop:80', cache: true, static: true", "cache and static exclude each other"),
        ("service: 'shop:80', cache: true, protocol: uwsgi", "cache: the protocol uwsgi has no such cache; use http"),
        ("service: 'shop:80', languages: [en]", "languages requires cache"),
        ("service: 'shop:80', cache: true, language_cookie: lang", "language_cookie requires languages"),
        ("service: 'shop:80', cache: true, languages: [english!]", "must have the form: a language like en or pt-br"),
        ("files: /var/lib/shop, cache: true", "cache requires service"),
        ("service: 'shop:80', largest_body: 1 GB", "must have the form: a number of bytes with at most twelve digits"),
        ("service: 'shop:80', timeout: 60", "timeout must be a string, not 60"),
        ("service: 'shop:80', timeout: 60ms", "must have the form: a number with s, m or h"),
        ("service: 'shop:80', protocol: asgi", "'asgi' must be http (also for ASGI servers; with WebSockets: "),
        ("service: 'shop:80', writes: {rate: 20}", "rate must be a string, not 20"),
        ("service: 'shop:80', writes: {rate: 20/h}", "must have the form: a number from 1 to 99999 with /s or /m"),
        ("service: 'shop:80', writes: {burst: 20}", "writes.rate is missing"),
        ("files: /var/lib/shop, connections: 5", "connections requires service"),
    ],
)
def test_what_nginx_would_pass_over_is_refused(says: str, said: str) -> None:
    text = f"x-landfast: {{http: {{locations: {{/place/: {{{says}}}}}}}}}\nservices: {{shop: {{}}}}"
    assert said in refusal(text)
