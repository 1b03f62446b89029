"""The doctor names the next step for every problem in ``/readyz``; dead letters are a problem, too."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from cli import doctor, readiness
from cli.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Ask = Callable[[int, object], bool]

WRONG_PASSWORD = {
    "postgres": 'OperationalError: connection failed: FATAL:  password authentication failed for user "web"',
    "redis": "AuthenticationError: invalid username-password pair or user is disabled.",
    "rabbitmq": "AccessRefused: (0, 0): (403) ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN",
}


def document(problems: dict[str, str], dead: int = 0) -> dict[str, Any]:
    dependencies: dict[str, dict[str, Any]] = {
        name: {"ok": name not in problems} for name in ("postgres", "redis", "rabbitmq", "worker")
    }
    dependencies["outbox"] = {"ok": "outbox" not in problems, "dead": dead}
    for name, problem in problems.items():
        dependencies[name]["problem"] = problem
    return {"failing": list(problems), "dependencies": dependencies}


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ask]:
    """Return a function that runs the doctor's check against a ``/readyz`` of the test."""
    answers: list[tuple[int, bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answers[-1]
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    settings = Settings.read({"HTTP_PORT": str(server.server_port)}, tmp_path / ".env")

    monkeypatch.setattr(doctor, "full_report", dict)  # the console does not run

    def answered(status: int, body: object) -> bool:
        answers.append((status, body if isinstance(body, bytes) else json.dumps(body).encode()))
        return doctor.explain_readiness(settings)

    yield answered
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("name", WRONG_PASSWORD)
def test_it_says_who_has_the_wrong_password(name: str) -> None:
    (remark,) = readiness.remarks(document({name: WRONG_PASSWORD[name]}))

    assert remark.dependency == name
    assert remark.step.endswith(f"docker compose restart {name} console")


@pytest.mark.parametrize(
    ("problem", "step"),
    [
        ("its name does not resolve: it does not run", "./stack up"),
        ("ConnectionRefusedError: [Errno 111] Connection refused", "./stack up"),
        ("DiskFull: could not extend file: No space left on device", "docker system df; docker builder prune"),
        ("no answer within 2.5 s", "./stack logs redis"),
    ],
)
def test_it_names_the_next_step(problem: str, step: str) -> None:
    assert readiness.remarks(document({"redis": problem})) == [readiness.Remark("redis", problem, step)]


def test_a_full_disk_of_postgres_has_a_reserve_to_give_back() -> None:
    (remark,) = readiness.remarks(document({"postgres": "Unavailable: its disk is full: 3 MB of 20000 MB are free"}))

    assert remark.step.startswith("docker compose exec postgres reserve release gives room at once")


def test_a_broker_without_memory_is_given_more() -> None:
    problem = "Unavailable: its memory is full: it accepts no messages (low on memory)"
    (remark,) = readiness.remarks(document({"rabbitmq": problem}))

    assert remark.step.startswith("give rabbitmq more memory")


def test_an_outbox_with_a_missing_queue_names_it_and_the_log_with_the_reason() -> None:
    problem = "tasks are due, and none was published for 42 s, for: nosuch (its oldest task waits for 42 s)"
    document = {"failing": ["outbox"], "dependencies": {"outbox": {"problem": problem}}}

    (remark,) = readiness.remarks(document)

    assert remark.problem == problem
    assert remark.step.startswith("./stack logs relay says why")


def test_a_refused_login_waits_for_a_person_though_all_is_ready() -> None:
    answer = document({})
    answer["dependencies"]["outbox"] |= {"retried_after_SMTPAuthenticationError": 4, "retried_after_TimeoutError": 9}

    (remark,) = readiness.remarks(answer)
    assert remark.problem == "4 tasks failed and are tried again: SMTPAuthenticationError"
    assert "smtp_password" in remark.step


def test_a_lane_that_stands_still_is_told_though_everything_is_ready() -> None:
    report = document({})
    report["warnings"] = ["outbox"]
    report["dependencies"]["outbox"]["warning"] = "tasks wait, and none ends, in: tasks.mail"

    [remark] = readiness.remarks(report)

    assert (remark.dependency, remark.problem) == ("outbox", "tasks wait, and none ends, in: tasks.mail")
    assert remark.step.startswith("look at the logs of the workers that consume them")


@pytest.mark.parametrize(
    ("name", "server", "through"), [("worker", "RabbitMQ", "rabbitmq"), ("outbox", "PostgreSQL", "postgres")]
)
def test_what_is_asked_through_another_one_waits_for_it(name: str, server: str, through: str) -> None:
    problem = "its name does not resolve: it does not run"
    asked = f"Unavailable: cannot be checked, {server} fails: {problem}"
    first, second = readiness.remarks(document({through: problem, name: asked}))

    assert first.step == "./stack up"
    assert second.step == f"fix {through} first; then this can be checked"


def test_it_reads_whatever_comes() -> None:
    assert readiness.remarks({}) == []
    assert readiness.remarks({"failing": ["x"]}) == [readiness.Remark("x", "not ready", "./stack logs x")]


def test_all_is_well_only_when_readiness_says_so(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(200, document({}))
    assert "says that everything is ready" in capsys.readouterr().out


def test_dead_letters_are_not_well_though_all_is_ready(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    assert not ask(200, document({}, dead=3))

    shown = capsys.readouterr().out
    assert "outbox: 3 dead letters: tasks that failed for good" in shown
    assert "docker compose exec relay python -m landfast_outbox dead" in shown


def test_dead_letters_in_a_database_of_an_application_are_named_by_it() -> None:
    step = "docker compose exec relay python -m landfast_outbox dead"
    (remark,) = readiness.remarks({"dependencies": {"outbox": {"dead": 0}, "outbox-shop": {"dead": 1}}})

    assert remark == readiness.Remark("outbox-shop", "1 dead letter: tasks that failed for good", step)
    assert readiness.next_step("outbox-shop", "tasks are due", ["outbox-shop"]) == "./stack logs relay"


def test_a_wrong_password_is_not_well(ask: Ask, capsys: pytest.CaptureFixture[str]) -> None:
    assert not ask(503, document({"redis": WRONG_PASSWORD["redis"]}))
    assert "redis: AuthenticationError" in capsys.readouterr().out


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff"])
def test_an_answer_of_something_else_is_not_well(ask: Ask, body: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    assert not ask(502, body)
    assert "answers 502" in capsys.readouterr().out
