"""The judgements of the commands that look at what images and locks consist of."""

from __future__ import annotations

import base64
import json
import os
import re
import tarfile
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from cli import cache, suites
from tests.security import scanners
from tests.security.audit import Index, Package, check, locked, of_pip
from tests.security.reproducible import Entry, differences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE = Entry(tarfile.REGTYPE, 0o644, (0, 0), "digest", 1.0)


class Answers(BaseHTTPRequestHandler):
    """A package index that knows some packages; what it was asked for, with the login, is kept."""

    known: ClassVar[dict[str, bytes]] = {}
    asked: ClassVar[list[tuple[str, str]]] = []
    status: ClassVar[int] = 200

    def do_GET(self) -> None:
        """Answer with a package's document."""
        self.asked.append((self.path, self.headers.get("Authorization", "")))
        body = self.known.get(self.path)
        self.send_response(404 if body is None else self.status)
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Yield the address of an index on loopback."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    for name, empty in (("known", {}), ("asked", []), ("status", 200)):
        monkeypatch.setattr(Answers, name, empty)
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        thread.join()


def knows(name: str, version: str, *advisories: dict[str, Any]) -> None:
    """Let the index know a package."""
    Answers.known[f"/pypi/{name}/{version}/json"] = json.dumps({"vulnerabilities": advisories}).encode()


ROPE, KNOT = Package("rope", "1.0"), Package("knot", "2.0")
HOLE = {"id": "PYSEC-1", "fixed_in": ["2.1"], "withdrawn": None}
MISTAKE = {"id": "PYSEC-2", "fixed_in": [], "withdrawn": "2026-01-01T00:00:00Z"}


def test_locks_without_advisories_pass(index: str) -> None:
    knows("rope", "1.0", MISTAKE)
    knows("knot", "2.0")

    verdict = check(Index(index), [ROPE, KNOT])

    assert verdict.passes(if_answered=False)
    assert verdict.lines(Index(index)) == ["2 packages checked, 0 with known advisories"]


def test_an_advisory_is_told_with_the_version_that_mends_it(index: str) -> None:
    knows("rope", "1.0")
    knows("knot", "2.0", HOLE)

    verdict = check(Index(index), [ROPE, KNOT])

    assert not verdict.passes(if_answered=True)
    assert verdict.lines(Index(index))[0] == "knot 2.0: PYSEC-1, mended in 2.1"


def test_a_package_that_the_index_does_not_have_is_not_a_clean_one(index: str) -> None:
    knows("rope", "1.0")

    verdict = check(Index(index), [ROPE, KNOT])

    assert not verdict.passes(if_answered=True)
    assert "does not have them: knot 2.0" in verdict.lines(Index(index))[0]


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (None, 200, "it has no rope 1.0 there (HTTP status 404)"),
        (b"{}", 503, "HTTP status 503"),
        (b"{}", 200, "its answers have no advisories"),
        (b"<html>", 200, "Expecting value"),
    ],
)
def test_an_index_without_advisories_is_named_and_fails_that_part_only_where_it_has_to_answer(
    index: str, monkeypatch: pytest.MonkeyPatch, body: bytes | None, status: int, reason: str
) -> None:
    monkeypatch.setattr(Answers, "status", status)
    if body is not None:
        Answers.known["/pypi/rope/1.0/json"] = body

    verdict = check(Index(index), [ROPE, KNOT])

    assert [path for path, _ in Answers.asked] == ["/pypi/rope/1.0/json"], "it is asked once"
    assert (verdict.passes(if_answered=True), verdict.passes(if_answered=False)) == (True, False)
    told = " ".join(verdict.lines(Index(index)))
    assert f"NOT CHECKED: 2 packages. {index} answers no question about advisories: {reason}" in told
    assert "PYTHON_INDEX_URL_FILE" in told


def test_an_index_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    closed = Index("http://127.0.0.1:1/simple")

    verdict = check(closed, [ROPE])

    assert verdict.passes(if_answered=True)
    assert f"{closed.address} answers no question about advisories: " in verdict.lines(closed)[0]


def test_an_advisory_counts_though_the_index_falls_silent_later(index: str) -> None:
    knows("rope", "1.0", HOLE)
    Answers.known["/pypi/knot/2.0/json"] = b"<html>"

    assert not check(Index(index), [ROPE, KNOT]).passes(if_answered=True)


def test_the_password_of_an_index_is_sent_and_not_shown(index: str) -> None:
    private = index.replace("//", "//reader:s%40cret@")
    knows("rope", "1.0")

    verdict = check(Index(private), [ROPE])

    assert verdict.passes(if_answered=False)
    assert Answers.asked == [("/pypi/rope/1.0/json", f"Basic {base64.b64encode(b'reader:s@cret').decode()}")]
    assert Index(private).shown == index


def test_each_version_in_the_locks_is_asked_for_once() -> None:
    lock = "rope==1.0 ; python_version < '3' \\\n    --hash=sha256:00\n# via knot==9\nKnot[fancy]==2.0 \\\n"

    assert locked([lock, "rope==1.0\nrope==1.1\n"]) == [KNOT, ROPE, Package("rope", "1.1")]
    assert not check(Index("http://127.0.0.1:1"), []).passes(if_answered=True), "locks without any package"


def test_files_are_compared_by_all_but_their_time() -> None:
    first = {"same": FILE, "changed": FILE, "mode": FILE, "gone": FILE, "later": FILE}
    second = {
        "same": FILE,
        "changed": replace(FILE, content="other"),
        "mode": replace(FILE, mode=0o755),
        "later": replace(FILE, time=2.0),
        "new": FILE,
    }

    lines, times = differences(first, second)

    assert lines == ["changed: content", "gone: only in the first", "mode: mode", "new: only in the second"]
    assert times == ["later"]


def test_a_scanner_that_cannot_be_installed_says_so_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(_: Path) -> list[list[str]]:
        return [["sh", "-c", "echo 'index.test: connection refused' >&2; false"]]

    monkeypatch.setattr(cache, "directory", lambda: tmp_path)
    monkeypatch.setitem(scanners.SCANNERS, "gixy", lambda: len(str(scanners.install("tools", ("tool==1",), fails))))

    assert scanners.main(["gixy"]) == 1

    told = capfd.readouterr().err
    assert "tool==1 could not be installed. Does the package index answer?\nindex.test: connection refused" in told
    folder = scanners.install("tools", ("tool==1",), lambda folder: [["touch", str(folder / "program")]])
    assert (folder / "program").exists()


def test_a_long_run_has_the_scanners_and_asks_for_advisories() -> None:
    steps = {step.name: step for step in suites.everything_else()}

    assert steps["scanners"].command[-1].endswith("tests/security/scanners.py"), "all of them"
    assert steps["advisories"].command[-2:] == ("tests.security.audit", "--if-answered")
    assert all(steps[name].live for name in ("scanners", "advisories")), "what was not checked is shown"


def test_gixy_sees_every_file_that_nginx_includes() -> None:
    texts = [path.read_text(encoding="utf-8") for path in (scanners.ROOT / "nginx").rglob("*.conf")]
    included = {name for text in texts for name in re.findall(r"include /tmp/([\w-]+)\.conf", text)}

    assert included == scanners.WRITTEN.keys()


def test_a_finding_of_gixy_is_excepted_only_at_its_place() -> None:
    excepted = {"plugin": "ssrf", "config": "proxy_pass http://$http_x_page_place;"}

    assert scanners.is_excepted(excepted)
    assert not scanners.is_excepted({**excepted, "config": "proxy_pass http://$http_x_other;"})
    assert not scanners.is_excepted({**excepted, "plugin": "http_splitting"})


@pytest.mark.slow  # it makes an environment with pip
def test_the_index_of_pip_s_settings_is_asked_and_pip_s_own_without_any(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = tmp_path / "pip.conf"
    settings.write_text("[global]\nindex-url = https://reader:secret@index.test/simple\n", encoding="utf-8")
    monkeypatch.delenv("PIP_INDEX_URL", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(settings))
    assert of_pip() == "https://reader:secret@index.test/simple"

    monkeypatch.setenv("PIP_INDEX_URL", "https://variable.test/simple")
    assert of_pip() == "https://variable.test/simple"

    monkeypatch.delenv("PIP_INDEX_URL")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    assert re.fullmatch(r"https://[^/*]+/simple/?", of_pip())
