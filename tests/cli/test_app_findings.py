"""Each check of an application results in one line with the problem and its fix."""

from __future__ import annotations

import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from cli.app import findings, trial
from cli.app.trial import Answer
from cli.preflight import Check, State
from cli.process import Output

CHECKED = {"Test": ["CMD", "true"]}


def only(checks: list[Check]) -> str:
    (check,) = [each for each in checks if each.state is State.FAILED]
    return check.text


@pytest.mark.parametrize("user", ["", "0", "root", "0:0", "root:app"])
def test_root_is_told_how_to_be_another(user: str) -> None:
    assert "shop runs as root: add USER" in only(
        findings.container("shop", {"User": user, "Healthcheck": CHECKED}, one_shot=False)
    )


@pytest.mark.parametrize("health", [{}, {"Healthcheck": None}, {"Healthcheck": {"Test": ["NONE"]}}])
def test_a_service_without_a_health_check_is_found_and_a_one_shot_needs_none(health: dict[str, Any]) -> None:
    assert "shop has no health check" in only(findings.container("shop", {"User": "5", **health}, one_shot=False))
    assert [each.state for each in findings.container("shop", {"User": "5", **health}, one_shot=True)] == [State.OK]


def test_a_port_that_nobody_listens_at_is_named() -> None:
    assert "let shop listen at 0.0.0.0:8000" in only([findings.at_port("shop:8000", Output(1))])
    assert findings.at_port("shop:8000", Output(0, "HTTP/1.0 200 OK")).text == "shop:8000 answers HTTP/1.0 200 OK"
    assert findings.at_port("shop:3031", Output(0)).text == "shop:3031 takes connections"


def test_the_uwsgi_protocol_is_named_with_the_way_out() -> None:
    said = only([findings.speaks_uwsgi("shop:3031")])

    assert said.startswith("shop:3031 speaks the uwsgi protocol")
    assert "let it listen with `http-socket` in place of `socket`" in said


class Server(ThreadingHTTPServer):
    """Answers with the requested path and host name, or closes the connection at once."""

    def __init__(self, *, speaks: bool) -> None:
        class Handler(BaseHTTPRequestHandler):
            def handle(self) -> None:
                if speaks:
                    super().handle()

            def do_GET(self) -> None:
                self.send_response_only(200, f"{self.path} {self.headers['Host']}")
                self.end_headers()
                self.wfile.write(self.path.encode())

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


@pytest.mark.parametrize(("speaks", "line"), [(True, "HTTP/1.0 200 /page shop.localhost"), (False, "")])
def test_a_port_is_tried_with_nothing_but_a_shell(speaks: bool, line: str) -> None:  # noqa: FBT001 - as the table has it
    with Server(speaks=speaks) as server:
        port = str(server.server_port)
        ask = ["bash", "-c", trial.ASK, "127.0.0.1", port, "/page", "shop.localhost"]
        done = subprocess.run(ask, capture_output=True, text=True, check=False)
        server.shutdown()
    assert (done.returncode, done.stdout) == (0, line)

    assert subprocess.run(ask, capture_output=True, check=False).returncode != 0, "the server has ended"


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/über/?q=ä ö", "/%C3%BCber/?q=%C3%A4%20%C3%B6"),
        ("/%C3%BCber/?a=1&b=2", "/%C3%BCber/?a=1&b=2"),
        ("/a\nb", "/a%0Ab"),
    ],
)
def test_a_page_of_any_name_is_asked_for(path: str, sent: str) -> None:
    with Server(speaks=True) as server:
        answer = trial.get(server.server_port, "shop.localhost", path)
        server.shutdown()

    assert answer == Answer(200, sent)


@pytest.mark.parametrize("host", ["日本.example", "shop\nexample"])
def test_a_name_that_no_request_can_have_is_an_answer_with_the_reason(host: str) -> None:
    with Server(speaks=True) as server:
        answer = trial.get(server.server_port, host, "/")
        server.shutdown()

    assert answer.status == 0
    assert answer.body


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(0, "Connection refused"), "does not answer: Connection refused"),
        (Answer(400), "ALLOWED_HOSTS"),
        (Answer(503), "answers 503"),
    ],
)
def test_what_a_visitor_would_not_like_is_found(answer: Answer, says: str) -> None:
    assert says in only([findings.through_nginx("http://shop.localhost/", answer)])


@pytest.mark.parametrize("status", [200, 302, 401, 404])
def test_an_application_may_answer_as_it_likes(status: int) -> None:
    assert findings.through_nginx("http://shop.localhost/", Answer(status)).state is State.OK


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(503, "Shop"), "http://shop.localhost/ answers 503 instead of 200: "),
        (Answer(0, "refused"), "http://shop.localhost/ answers nothing (refused) instead of 200: "),
        (Answer(200, "Shut"), "http://shop.localhost/ answers without 'Shop': "),
    ],
)
def test_an_answer_that_is_not_the_contract_s_is_found(answer: Answer, says: str) -> None:
    wanted = {"status": 200, "contains": "Shop"}

    assert only([findings.smoke("http://shop.localhost/", wanted, answer)]).startswith(says)
    assert findings.smoke("http://shop.localhost/", wanted, Answer(200, "The Shop")).state is State.OK


PAGE = """<!doctype html><link rel=stylesheet href=/static/a.css?v=1><link rel=canonical href=/elsewhere>
<script src="b.js"></script><img src="https://cdn.example/c.png"><img src=data:image/gif;base64,AA><a href=/d>d</a>
<img src="//shop.localhost:8080/e.png"><img src="http://[f.png"><script>var inline</script>"""


def test_links_are_what_a_page_is_shown_with_and_its_own_host_has() -> None:
    assert trial.links(PAGE, "http://shop.localhost:8080/x/") == ["/static/a.css?v=1", "/x/b.js", "/e.png"]


def test_static_files_that_are_missing_are_named() -> None:
    found = {"/static/a.css": Answer(404), "/static/b.js": Answer(200), "/static/c.png": Answer(0)}

    said, silent = (each.text for each in findings.static("http://shop.localhost/", found))
    assert said.startswith("/static/a.css answers 404: collect static files in the image")
    assert silent.startswith("/static/c.png answers nothing")
    assert findings.static("http://shop.localhost/", {}) == []


def test_a_failing_write_is_named_by_its_path() -> None:
    diff = ["C /var", "C /var/cache", "A /var/cache/shop", "A /var/cache/shop/index", "C /run", "A /run/secrets"]
    diff += ["A /data", "A /data/on-a-volume", "C /home/shop/.config", "A /home/shop/.config/x"]

    assert trial.own_paths(diff, ["/run/secrets", "/data", "/tmp"]) == ["/var/cache/shop/index", "/home/shop/.config/x"]  # noqa: S108


def test_writes_on_a_read_only_root_come_with_a_way_out() -> None:
    paths = [f"/var/cache/{number}" for number in range(5)]

    assert only([findings.written("shop", paths)]) == (
        "shop writes to /var/cache/0, /var/cache/1, /var/cache/2 and 2 more, which is read-only: "
        "mount a volume or a tmpfs there, or have it write below /tmp"
    )
    assert findings.written("shop", []).state is State.OK


def test_a_migration_that_fails_the_second_time_is_found_with_its_last_words() -> None:
    outputs = [Output(0), Output(1, "", "Traceback ...\nrelation exists\n")]

    assert "failed in run 2: relation exists" in only([findings.twice("migrate-shop", outputs)])
    assert findings.twice("migrate-shop", outputs[:1] * 2).state is State.OK


def queue(name: str, consumers: int, messages: int = 0, *, goes: bool = False) -> dict[str, Any]:
    return {"name": name, "consumers": consumers, "messages": messages, "auto_delete": goes, "exclusive": False}


@pytest.mark.parametrize(
    ("queues", "says"),
    [
        ([], "vhost shop has no consumer"),
        ([queue("celery", 0), queue("celery@a.celery.pidbox", 1, goes=True)], "vhost shop has no consumer"),
        ([queue("celery", 1), queue("letters", 0, 7)], "queue letters has messages and no consumer"),
    ],
)
def test_a_vhost_whose_messages_nobody_takes_is_found(queues: list[dict[str, Any]], says: str) -> None:
    assert says in only(findings.consumed("shop", queues))


RESULTS = queue("e410c58f", 0, 1, goes=True)


def test_a_worker_that_consumes_is_well() -> None:
    assert [each.state for each in findings.consumed("shop", [queue("celery", 1, 3), queue("later", 0), RESULTS])] == [
        State.OK
    ]
