"""No page of another site reads, deletes or frames the mail in a laptop's inbox, and no other machine reaches it."""

from __future__ import annotations

import json
import re
import socket
from typing import TYPE_CHECKING

import pytest

from tests.support.site import TIMEOUT, Site
from tests.support.stack import docker

if TYPE_CHECKING:
    from tests.support.stack import Stack

ELSEWHERE = "http://evil.example"
MAILS = "/api/email"


@pytest.fixture
def page(stack: Stack) -> Site:
    """A visitor of the inbox."""
    return Site(f"http://localhost:{stack.ports.mail}")


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ELSEWHERE},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
    ],
    ids=lambda headers: "-".join(headers.values()),
)
def test_a_page_of_another_origin_is_refused(page: Site, method: str, headers: dict[str, str]) -> None:
    answer = page.request(method, MAILS, headers={**headers, "Access-Control-Request-Method": "DELETE"})

    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8025"])
def test_a_foreign_name_that_resolves_to_this_machine_is_refused(page: Site, host: str) -> None:
    answer = page.get(MAILS, headers={"Host": host})

    assert answer.status_code == 403
    assert "this inbox is at localhost" in answer.text


def test_a_page_of_another_origin_gets_no_live_notifications(stack: Stack) -> None:
    def upgrade(origin: str) -> bytes:
        request = (
            f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: localhost:{stack.ports.mail}\r\n"
            f"Origin: {origin}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        with socket.create_connection(("localhost", stack.ports.mail), TIMEOUT) as connection:
            connection.sendall(request.encode())
            return connection.recv(64)

    assert upgrade(f"http://localhost:{stack.ports.mail}").startswith(b"HTTP/1.1 101")
    assert upgrade(ELSEWHERE) == b""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "mail.localhost"])
def test_the_inbox_s_own_page_works(page: Site, host: str) -> None:
    own = f"{host}:{page.url.rpartition(':')[2]}"
    fetched = page.get(MAILS, headers={"Host": own, "Origin": f"http://{own}", "Sec-Fetch-Site": "same-origin"})
    page.session.headers["Accept"] = "text/html"
    visited = {"Host": own, "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}

    assert fetched.status_code == 200
    assert page.get("/", headers=visited).status_code == 200, "a link elsewhere may lead here"
    assert page.get("/").headers["X-Frame-Options"] == "SAMEORIGIN", "a framed inbox could be clicked unseen"


def test_a_laptop_s_ports_listen_on_loopback(stack: Stack) -> None:
    addresses = set()
    for container in stack.containers():
        ports = json.loads(docker("inspect", "--format={{json .NetworkSettings.Ports}}", container.id)) or {}
        addresses |= {binding["HostIp"] for bindings in ports.values() for binding in bindings or ()}

    assert addresses == {"127.0.0.1"}


def test_a_person_can_open_the_ports(stack: Stack) -> None:
    opened = {**stack.environment, "BIND_ADDRESS": "0.0.0.0"}  # noqa: S104 - the setting under test
    shown = stack.__class__(stack.project, stack.directory, stack.ports, stack.files, opened).compose("config").stdout

    assert set(re.findall(r"host_ip: (\S+)", shown)) == {"0.0.0.0"}  # noqa: S104
