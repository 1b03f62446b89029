"""Calls of Docker when it cannot answer: an overloaded daemon, and managers that elect another leader."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from itertools import count
from typing import TYPE_CHECKING

import pytest

from rollout import engine
from rollout.engine import Engine, _Connection
from rollout.errors import RolloutError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_LEADER = "Error response from daemon: rpc error: code = Unknown desc = The swarm does not have a leader."


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file of errors of a ``docker`` that fails once with each line of the file, and then succeeds."""
    program = tmp_path / "docker"
    program.write_text(
        "#!/bin/sh\n"
        f"no={tmp_path}/no\n"
        'if [ -s "$no" ]; then head -n 1 "$no" >&2; sed -i 1d "$no"; exit 1; fi\n'
        'echo "did $*"\n',
        encoding="ascii",
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "no"


def test_it_waits_for_the_managers_to_have_a_leader(docker: Path) -> None:
    docker.write_text(f"{NO_LEADER}\n", encoding="ascii")

    assert Engine().run("stack", "deploy").strip() == "did stack deploy"


def test_it_does_not_wait_for_ever(docker: Path) -> None:
    docker.write_text(f"{NO_LEADER}\n" * 9, encoding="ascii")

    with pytest.raises(RolloutError, match="does not have a leader"):
        Engine(patience=0).run("stack", "deploy")


def test_what_has_another_reason_fails_at_once(docker: Path) -> None:
    docker.write_text("no such service\n" * 2, encoding="ascii")

    with pytest.raises(RolloutError, match="no such service"):
        Engine().run("service", "rm", "x")
    assert docker.read_text(encoding="ascii").count("no such") == 1


TIMED_OUT = "Error response from daemon: rpc error: code = DeadlineExceeded desc = context deadline exceeded"
CHANGED = (
    "failed to update service: Error response from daemon: rpc error: code = Unknown desc = update out of sequence"
)


@pytest.mark.parametrize("said", [TIMED_OUT, CHANGED])
def test_a_command_that_docker_had_no_time_for_is_sent_again(
    docker: Path, monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    monkeypatch.setattr(engine, "INTERVAL", 0.01)
    docker.write_text(f"{said}\n", encoding="ascii")

    assert Engine().run("stack", "deploy").strip() == "did stack deploy"


def test_what_a_lost_answer_did_already_is_no_error(docker: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "INTERVAL", 0.01)
    exists = "Error response from daemon: network with name site_data already exists"
    docker.write_text(f"{TIMED_OUT}\n{exists}\n", encoding="ascii")

    Engine().run("network", "create", "site_data")
    docker.write_text(f"{exists}\n", encoding="ascii")
    with pytest.raises(RolloutError, match="already exists"):
        Engine().run("network", "create", "site_data")


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Yield the answers of a daemon, one for each request.

    It does not answer at all for an empty one: only that request has a short time limit.
    """
    path, answers = tmp_path / "docker.sock", list[str]()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen()
    kept: list[socket.socket] = []
    asked = count()

    class Connection(_Connection):
        def connect(self) -> None:
            super().connect()
            if not answers[next(asked)]:
                self.sock.settimeout(0.1)

    def serve() -> None:
        for number in count():
            try:
                connection, _ = server.accept()
            except OSError:
                return  # the test is over
            kept.append(connection)
            connection.recv(1 << 16)
            if answer := answers[number]:
                with suppress(BrokenPipeError):  # the client has given up
                    connection.sendall(answer.encode())
                connection.close()

    thread = threading.Thread(target=serve)
    thread.start()
    monkeypatch.setattr(engine, "SOCKET", str(path))
    monkeypatch.setattr(engine, "_Connection", Connection)
    monkeypatch.setattr(engine, "INTERVAL", 0.01)
    yield answers
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()
    for connection in kept:
        connection.close()


def answer(status: int, body: str) -> str:
    return f"HTTP/1.1 {status} Because\r\nContent-Length: {len(body)}\r\n\r\n{body}"


def test_a_question_that_docker_had_no_time_for_is_asked_again(daemon: list[str]) -> None:
    daemon += ["", answer(500, f'{{"message": "{TIMED_OUT}"}}'), answer(200, '[{"ID": "n"}]')]

    assert Engine().nodes() == [{"ID": "n"}]


def test_a_daemon_that_never_answers_is_told(daemon: list[str]) -> None:
    daemon += [""]

    with pytest.raises(RolloutError, match="Docker does not answer: timed out"):
        Engine(patience=0).nodes()


def test_a_refusal_is_no_matter_of_time(daemon: list[str]) -> None:
    daemon += [answer(503, '{"message": "This node is not a swarm manager."}')]

    with pytest.raises(RolloutError, match="Docker answers 503 to /nodes: This node is not a swarm manager"):
        Engine().nodes()


def test_it_streams_the_lines_of_a_service_with_their_times(docker: Path) -> None:
    assert not docker.exists()

    assert list(Engine().stream_logs("site_web", "5")) == ["did service logs --raw --timestamps --tail 5 site_web"]


def test_a_docker_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(RolloutError, match="docker service logs"):
        list(Engine().stream_logs("site_web", "5"))
