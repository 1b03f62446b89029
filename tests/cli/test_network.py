"""Mirrors are found in apt's own output; addresses are tried within a deadline."""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from cli import network
from cli.machine import System
from cli.network import Mirrors
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

DEBIAN_12 = """\
'http://mirror.example/debian/dists/bookworm/InRelease' mirror.example_debian_dists_bookworm_InRelease 0
'http://mirror.example/debian/dists/bookworm-updates/InRelease' mirror.example_debian_dists_bookworm-updates_InRelease 0
'http://mirror.example/security/dists/bookworm-security/InRelease' mirror.example_security_bookworm-security_InRelease 0
'http://mirror.example/debian/dists/bookworm/main/binary-amd64/Packages.xz' mirror.example_Packages 0
'https://other.example/node/dists/nodistro/InRelease' other.example_node_dists_nodistro_InRelease 0
"""


def test_it_takes_release_and_security_from_the_machines_own_sources() -> None:
    found = network.parse_mirrors(DEBIAN_12, "bookworm")
    assert found == Mirrors("http://mirror.example/debian", "http://mirror.example/security")


def test_it_prefers_the_running_release_over_a_newer_one_beside_it() -> None:
    printed = "'http://new.example/debian/dists/trixie/InRelease' new 0\n" + DEBIAN_12
    assert network.parse_mirrors(printed, "bookworm").main == "http://mirror.example/debian"


@pytest.mark.parametrize("name", ["stable", "oldstable"])
def test_it_knows_releases_by_their_rank_too(name: str) -> None:
    printed = (
        f"'http://m.example/debian/dists/{name}/InRelease' a 0\n'http://s.example/dists/{name}-security/InRelease' b 0"
    )
    assert network.parse_mirrors(printed, "bookworm") == Mirrors("http://m.example/debian", "http://s.example")


def test_it_finds_nothing_where_only_other_archives_are_configured() -> None:
    printed = "'http://other.example/node/dists/nodistro/InRelease' a 0\n'file:/srv/repo/./InRelease' b 0\n"
    assert network.parse_mirrors(printed, "bookworm") == Mirrors()


def test_it_does_not_take_ubuntus_archive_for_debians() -> None:
    ubuntu = System("Linux", "ubuntu", "24.04", "noble")
    assert network.mirrors(ubuntu) == Mirrors()
    assert network.mirrors(ubuntu, "http://chosen.example/debian/") == Mirrors("http://chosen.example/debian")


def test_it_lives_without_a_security_mirror() -> None:
    printed = "'file:/media/mirror/dists/trixie/InRelease' a 0\n"
    assert network.parse_mirrors(printed, "trixie") == Mirrors("file:/media/mirror", "")


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("debian:trixie-slim", network.DOCKER_HUB),
        ("library/debian:13", network.DOCKER_HUB),
        ("docker.io/library/debian", network.DOCKER_HUB),
        ("registry.example/base/debian:13", "registry.example"),
        ("localhost:5000/debian", "localhost:5000"),
    ],
)
def test_it_asks_the_registry_that_the_image_names(image: str, host: str) -> None:
    assert network.registry_address(image) == f"https://{host}/v2/"


class Refusing(BaseHTTPRequestHandler):
    """Answers like a registry that requires a login."""

    def do_GET(self) -> None:
        self.send_error(401)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Refusing) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/v2/"
        running.shutdown()


def test_it_counts_any_answer_as_reachable(server: str) -> None:
    assert network.unreachable([server]) == {}


def test_it_names_the_problem_of_an_address_that_refuses(server: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        assert network.unreachable([server, closed]) == {closed: "Connection refused"}


def test_it_gives_up_on_an_address_that_never_answers() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        started = time.monotonic()
        assert list(network.unreachable([address], deadline=0.3)) == [address]
        assert time.monotonic() - started < 10 * PATIENCE


def test_it_shows_no_password_of_an_index() -> None:
    shown = network.without_password("https://me:hidden@index.example.org/simple/a@b")

    assert shown == "https://index.example.org/simple/a@b"
