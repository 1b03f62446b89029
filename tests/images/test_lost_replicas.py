"""Nginx remembers replicas that do not answer, as those of a lost host, which Docker's DNS server names for a while."""

from __future__ import annotations

import http.client
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.support.stack import LABEL, CommandError, Stack, docker
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Serves a page.
PRESENT = "import http.server; http.server.test(http.server.SimpleHTTPRequestHandler, port=8000)"
#: Its queue of connections is full for good, so the kernel drops all further ones without an answer.
SILENT = """
import socket, time
server = socket.socket()
server.bind(("0.0.0.0", 8000))
server.listen(0)
kept = [socket.socket() for _ in range(4)]
for one in kept:
    one.settimeout(1)
    one.connect_ex(("127.0.0.1", 8000))
print("full", flush=True)
time.sleep(86400)
"""
#: A location like those of contracts; the header has the replicas that were tried.
CONFIGURATION = """
load_module /usr/lib/nginx/modules/ndk_http_module.so;
load_module /usr/lib/nginx/modules/ngx_http_lua_module.so;
pid /tmp/nginx.pid;
error_log stderr warn;
events { worker_connections 256; }
env EDGE_LOG_RATE;
http {
    client_body_temp_path /tmp/client-body;
    proxy_temp_path /tmp/proxy;
    uwsgi_temp_path /tmp/uwsgi;
    fastcgi_temp_path /tmp/fastcgi;
    scgi_temp_path /tmp/scgi;
    access_log off;
    uninitialized_variable_warn off;
    map "" $left_out { default ""; }
    lua_shared_dict page_memory 1m;
    include /etc/nginx/snippets/lua.conf;
    resolver 127.0.0.11 valid=1s ipv6=off;
    include /etc/nginx/snippets/upstream-failover.conf;
    add_header X-Tried "$upstream_addr" always;
    server {
        listen 8080;
        location / {
            set $place shop:8000;
            proxy_pass http://$place;
            error_page 502 504 =503 /pages/503.html;
        }
        location /pages/ { internal; root /etc/nginx; }
    }
}
"""
#: Seconds between two requests that go by name while some replica is silent (nginx/lua/replicas.lua, SELDOM).
SELDOM = 10
REQUESTS = 40


@dataclass(frozen=True)
class Shop:
    """Nginx in front of a service.

    Args:
        images: the images.
        name: of the network, and the beginning of the containers' names.
    """

    images: Stack
    name: str

    def run(self, name: str, image: str, options: Sequence[str], command: Sequence[str]) -> None:
        """Run a container of an image."""
        own = (f"--name={self.name}-{name}", f"--network={self.name}", f"--label={LABEL}={self.images.project}")
        docker("run", "--detach", *own, *options, f"{self.images.project}/{image}", *command)

    def add(self, name: str, program: str) -> None:
        """Run a replica of the service."""
        self.run(name, "worker", ("--network-alias=shop", "--entrypoint=python"), ("-c", program))

    def remove(self, name: str) -> None:
        docker("rm", "--force", f"{self.name}-{name}")

    def address(self, name: str) -> str:
        found = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return docker("inspect", "--format", found, f"{self.name}-{name}").strip()

    def get(self) -> tuple[int, str]:
        """Request the page; return the status and the replicas that were tried."""
        host, _, port = docker("port", f"{self.name}-nginx", "8080").strip().rpartition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=60 * PATIENCE)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers.get("X-Tried") or ""
        finally:
            connection.close()


@pytest.fixture
def shop(images: Stack, tmp_path: Path) -> Iterator[Shop]:
    """Two replicas, one of which is silent."""
    made = Shop(images, f"{images.project}-replicas")
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(CONFIGURATION)
    docker("network", "create", f"--label={LABEL}={images.project}", made.name)
    try:
        made.add("present", PRESENT)
        made.add("silent", SILENT)
        mount = f"--mount=type=bind,source={configuration},target=/nginx.conf,readonly"
        options = ("--tmpfs=/tmp:mode=1777", "--publish=127.0.0.1::8080", mount, "--entrypoint=nginx")
        made.run("nginx", "nginx", options, ("-c", "/nginx.conf", "-g", "daemon off;"))
        wait_until(lambda: "full" in docker("logs", f"{made.name}-silent"), 60, "the silent replica's queue is full")
        wait_until(lambda: answers(made), 60, "Nginx runs")
        yield made
    finally:
        for name in ("nginx", "silent", "present"):
            made.remove(name)
        docker("network", "rm", made.name)


def answers(shop: Shop) -> bool:
    """Return whether the page is there."""
    try:
        return shop.get()[0] == http.client.OK
    except (OSError, CommandError, http.client.HTTPException):
        return False


def test_a_silent_replica_is_passed_over_once_it_is_known(shop: Shop) -> None:
    silent = shop.address("silent")
    wait_until(lambda: silent in shop.get()[1], 120, "a request meets the silent replica")

    began = time.monotonic()
    found = [shop.get() for _ in range(REQUESTS)]

    assert {status for status, _ in found} == {200}
    by_name = 2 + (time.monotonic() - began) // SELDOM
    assert sum(silent in tried for _, tried in found) <= by_name


def test_a_service_without_any_replica_fails_at_once_and_is_found_again(shop: Shop) -> None:
    silent = shop.address("silent")
    wait_until(lambda: silent in shop.get()[1], 120, "a request meets the silent replica")
    shop.remove("present")

    wait_until(lambda: shop.get() == (503, ""), 120, "a request fails without a connection")
    shop.add("present", PRESENT)
    wait_until(lambda: shop.get()[0] == 200, 120, "the new replica is found")
