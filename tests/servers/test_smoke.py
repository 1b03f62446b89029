"""The smoke test after a deploy: what is asked, by which name, and for how long."""

from __future__ import annotations

import threading
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from rollout import smoke
from rollout.errors import RolloutError
from tests.servers.memory import apply, plan

if TYPE_CHECKING:
    from rollout import records
    from tests.servers.memory import Swarm

#: The real one: a fixture puts another in its place.
run = smoke.run


def run_smoke(wanted: smoke.Smoke, request: Any) -> None:  # noqa: ANN401 - any callable
    run(wanted, ["192.0.2.1"], request)


def test_smoke_waits_for_the_right_answer_and_says_which_was_wrong() -> None:
    wanted = smoke.Smoke("site.test", [smoke.Check("/")], seconds=0)
    answers = iter(["refused", ""])

    run_smoke(smoke.Smoke("site.test", [smoke.Check("/")], seconds=5), lambda *_: next(answers))
    with pytest.raises(RolloutError, match=r"192\.0\.2\.1: / answers 500"):
        run_smoke(wanted, lambda address, check, _: f"{address}: {check.path} answers 500")


def test_numbers_of_a_smoke_test_may_be_strings_as_the_command_line_has_them() -> None:
    given = {"host": "site.test", "seconds": "5", "checks": [{"path": "/", "status": "204"}]}

    assert smoke.Smoke.parse(given, {}) == smoke.Smoke("site.test", [smoke.Check("/", 204)], seconds=5)


def test_a_release_is_asked_what_its_own_contracts_say(
    swarm: Swarm, kept: records.Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[smoke.Check] = []
    monkeypatch.setattr(smoke, "run", lambda wanted, *_: asked.extend(wanted.checks))
    own = {"host": "shop.test", "path": "/shop/", "status": 200, "contains": "Shop"}

    apply(swarm, kept, {**plan("one"), "checks": [own]}, smoke={"host": "site.test", "checks": [{"path": "/readyz"}]})

    assert asked == [smoke.Check("/readyz"), smoke.Check("/shop/", contains="Shop", host="shop.test")]
    assert kept.plan("plan-one.json")["checks"] == [own]


class Visited(BaseHTTPRequestHandler):
    """Says which name it was asked by."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{self.path} at {self.headers['Host']}".encode())


def test_an_application_with_a_name_is_asked_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Visited)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    # As the program asks, without TLS.
    monkeypatch.setattr(smoke, "_Connection", lambda _, wanted: HTTPConnection("127.0.0.1", wanted.port, timeout=10))
    site = smoke.Smoke("site.test", [], port=server.server_port)
    try:
        assert smoke.problem("127.0.0.1", smoke.Check("/x", contains="/x at shop.test", host="shop.test"), site) == ""
        wrong = smoke.problem("127.0.0.1", smoke.Check("/x", contains="Shop", host="shop.test"), site)
        assert wrong == "127.0.0.1: shop.test/x answers without 'Shop'"
        assert smoke.problem("127.0.0.1", smoke.Check("/über/", contains="/%C3%BCber/ at"), site) == ""
        assert smoke.problem("127.0.0.1", smoke.Check("/", host="日本.test"), site).startswith(
            "127.0.0.1: 日本.test/: "
        )
    finally:
        server.shutdown()
        server.server_close()
