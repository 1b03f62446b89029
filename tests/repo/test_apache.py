"""Apache's routes, which compose.apache.yaml has in place of Nginx's: derived from the same contracts."""

from __future__ import annotations

import re

import pytest

from contract.derived import derive
from contract.files import read
from tests.support.contracts import HOUSE, shop
from tests.support.stack import ROOT


def routes(says: str, hosts: str = "") -> str:
    """Return Apache's routes for a contract with these locations."""
    text = f"x-landfast: {{http: {{{hosts}locations: {{{says}}}}}}}\nservices: {{shop: {{}}}}"
    return derive([HOUSE, shop(text)]).contents["nginx.apache.conf"]


def test_the_longest_prefix_is_looked_at_first_and_its_rules_are_read_last() -> None:
    found = routes("/a/b/: {service: 'shop:80', largest_body: 5k}, /: {service: 'shop:80'}, /a/: {service: 'shop:81'}")

    assert re.findall(r'ProxyPass "(/[ab/]*)"', found) == ["/a/b/", "/a/", "/"]
    limits = re.findall(r'SetEnvIf Request_URI "\^(\S+)" largest_body=(\d+)', found)
    assert limits == [("/", "2097152"), ("/a/", "2097152"), ("/a/b/", "5120")]


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        ("", 'http://shop:80/place/" nocanon ${TO_SERVICE} timeout=60\n'),
        (", timeout: 5m", " timeout=300\n"),
        (", websocket: true", " timeout=3600 upgrade=websocket\n"),
        (", protocol: uwsgi", "uwsgi://shop:80/place/"),
    ],
)
def test_a_service_is_reached_as_its_contract_says(says: str, expected: str) -> None:
    assert expected in routes(f"/place/: {{service: 'shop:80'{says}}}")


def test_files_are_read_from_their_folder_and_those_of_users_run_no_script() -> None:
    static = routes("/place/: {service: 'shop:80', static: true, files: /var/lib/shop}")
    uploaded = routes("/place/: {files: /var/lib/shop, immutable: true}")

    for found in (static, uploaded):
        assert 'Alias "/place/" "/var/lib/shop/"' in found
        assert 'ProxyPass "/place/" "!"' in found, "a service with the root would answer"
    assert "Use StaticFiles" in static
    assert "Use UploadedFiles" in uploaded
    assert "immutable" in uploaded


def test_what_a_contract_denies_or_hands_out_itself_is_not_there() -> None:
    found = routes(
        "/place/: {files: /var/lib/shop, deny: [private/*]}, /own/: {files: /var/lib/own, internal: true}",
        "hosts: [shop.localhost], ",
    )

    internal, denied = re.findall(r'RedirectMatch 404 "(.*)"', found)
    assert re.match(internal, "/own/file")
    assert re.match(denied, "/place/private/a\nb")
    assert 'RedirectMatch 308 "^/own$"' not in found, "a redirect would tell that something is there"


def test_an_application_with_names_of_its_own_has_a_server_and_no_part_of_the_stack_s_address() -> None:
    found = routes("/: {service: 'shop:80'}", "hosts: [shop.localhost, shop.example.org], ")
    shared, own = found.split("Use Server House localhost localhost\n")

    assert "shop" not in shared
    assert 'RedirectMatch 302 "^/$" "/console/"' in shared, "no application has the root"
    assert 'Use Server Application-shop shop.localhost "shop.localhost shop.example.org"' in own


def test_each_vhost_s_flower_and_each_page_of_readiness_has_a_route() -> None:
    found = derive(read(ROOT)).contents["nginx.apache.conf"]

    flowers = re.findall(r'ProxyPass "(/flower/\S*)" "http://flower:(\d+)\1"', found)
    assert [path for path, _ in flowers][-1] == "/flower/", "the others begin so"
    assert len({port for _, port in flowers}) == len(flowers) == 3
    assert 'ProxyPass "/web-django" "http://web-django:8000/healthz"' in found
    assert re.search(r'<Location "/web-django">\s+RequestHeader set Host "127.0.0.1"', found)


def test_servers_have_no_routes_for_apache() -> None:
    """There it is not offered, and a derived file that nobody reads would replace Nginx with each change."""
    assert "nginx.apache.conf" not in derive(read(ROOT), on_servers=True).contents
