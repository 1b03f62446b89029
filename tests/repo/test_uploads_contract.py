"""Uploads of contracts: Nginx asks for a permission before the body, and counts the permitted ones by address."""

from __future__ import annotations

import json
import re

import pytest

from contract.derived import derive
from tests.support.contracts import HOUSE, refusal, repository, shop

UPLOADS = 'service: "shop:80", uploads: {largest_body: 20m, permission: "/may-i?what=upload"'


def blocks(says: str) -> dict[str, list[str]]:
    """Return Nginx's locations for a contract with this entry for the path ``/place/``: head -> lines."""
    text = f"x-landfast: {{http: {{locations: {{/place/: {{{says}}}}}}}}}\nservices: {{shop: {{}}, lane: {{}}}}"
    found = derive([HOUSE, shop(text)]).contents["nginx.locations.conf"]
    return {
        head: [line.strip() for line in lines.splitlines()]
        for head, lines in re.findall(r"^location (.+?) \{\n(.*?)^\}$", found, re.MULTILINE | re.DOTALL)
    }


@pytest.mark.parametrize(("protocol", "begin"), [("http", "proxy"), ("uwsgi", "uwsgi")])
def test_only_a_permitted_body_is_forwarded_as_it_arrives(protocol: str, begin: str) -> None:
    found = blocks(f"protocol: {protocol}, {UPLOADS}}}")

    unbuffered = f"{begin}_request_buffering off;"
    assert [head for head, lines in found.items() if unbuffered in lines] == ["@permitted/place/"]
    assert "auth_request /internal/uploads/place/;" in found["@uploads/place/"]
    assert [line for line in found["@uploads/place/"] if "_pass" in line] == []
    assert found["@uploads/place/"][-1].startswith("try_files /permitted @permitted/place/;")


def test_a_refused_sender_takes_no_place_of_the_address() -> None:
    found = blocks(UPLOADS + "}")

    assert "limit_conn uploads 2;" in found["@permitted/place/"]
    # Nginx counts a request once: without a limit of its own, this location would have those of the server.
    assert [line.split(";")[0] for line in found["@uploads/place/"] if "limit_conn" in line] == [
        "limit_conn unlimited 1"
    ]


@pytest.mark.parametrize(
    ("protocol", "wanted"),
    [
        ("http", ["proxy_method GET;", "proxy_pass_request_body off;", "proxy_pass http://$place/may-i?what=upload;"]),
        ("uwsgi", ["set $asked_page /may-i;", 'set $asked_query "what=upload";', "include snippets/uwsgi-page.conf;"]),
    ],
)
def test_the_permission_is_asked_for_without_the_body(protocol: str, wanted: list[str]) -> None:
    asked = blocks(f"protocol: {protocol}, {UPLOADS}}}")["= /internal/uploads/place/"]

    assert asked[0] == "internal;"
    assert set(wanted) <= set(asked)
    assert any(line.startswith("client_max_body_size 0;") for line in asked), "the size is that of the upload"


def test_other_requests_with_a_body_reach_no_service() -> None:
    found = blocks(UPLOADS + "}")

    for head in ("/place/", "= /place"):
        assert found[head][-3:-1] == [
            "if ($is_upload) { return 418; } # no visitor sees these numbers",
            "if ($other_body) { return 413; }",
        ]
        assert not [line for line in found[head] if "_pass" in line]
    assert "proxy_pass http://$place;" in found["@others/place/"]
    assert not [line for line in found["@others/place/"] if "client_max_body_size" in line]


def test_a_sender_is_told_how_large_a_body_may_be() -> None:
    found = blocks(UPLOADS + "}")

    assert "error_page 413 @too-large/place/;" in found["/place/"]
    [answer] = [line for line in found["@too-large/place/"] if line.startswith("return 413 '")]
    assert json.loads(answer.removeprefix("return 413 '").removesuffix("';"))["detail"] == (
        "a file may have at most 20 MB (20971520 bytes), and other requests no body"
    )


def test_another_service_may_take_the_uploads_and_take_longer() -> None:
    found = blocks(UPLOADS + ', service: "lane:80", timeout: 16m, at_once: 3}')

    assert "set $place lane:80;" in found["@permitted/place/"]
    assert "proxy_read_timeout 16m; # longer silence is a fault" in found["@permitted/place/"]
    assert "limit_conn uploads 3;" in found["@permitted/place/"]
    assert "set $place shop:80;" in found["@others/place/"]
    assert "set $place shop:80;" in found["= /internal/uploads/place/"]


def test_uploads_of_everybody_have_a_limit_and_need_a_length_too() -> None:
    found = blocks('service: "shop:80", uploads: {largest_body: 5k}')

    assert not [head for head in found if "internal" in head or "permitted" in head]
    assert {"if ($upload_without_length) { return 411; }", "limit_conn uploads 2;"} <= set(found["@uploads/place/"])


@pytest.mark.parametrize(
    ("says", "said"),
    [
        ("service: 'shop:80', uploads: {at_once: 2}", "uploads.largest_body is missing"),
        ("service: 'shop:80', uploads: {largest_body: 1m, service: 'gone:80'}", "gone"),
        ("service: 'shop:80', largest_body: 1m, uploads: {largest_body: 1m}", "largest_body and uploads exclude"),
        ("service: 'shop:80', files: /var/lib/shop, uploads: {largest_body: 1m}", "files and uploads exclude"),
        ("files: /var/lib/shop, uploads: {largest_body: 1m}", "uploads requires service"),
        ("service: 'shop:80', uploads: {largest_body: 1m, at_once: 0}", "must have the form: a number from 1 to 9999"),
    ],
)
def test_uploads_that_nginx_could_not_take_are_refused(says: str, said: str) -> None:
    text = f"x-landfast: {{http: {{locations: {{/place/: {{{says}}}}}}}}}\nservices: {{shop: {{}}}}"
    assert said in refusal(text)


def test_no_service_of_the_demo_reads_the_body_of_a_stranger_as_it_arrives() -> None:
    found = repository().contents["nginx.locations.conf"]

    heads = re.findall(r"^location ([^{]+) \{[^}]*request_buffering off;", found, re.MULTILINE)
    assert heads == ["@permitted/api/v1/datasets/"]
