"""Short commands run Compose, and pass their arguments on unchanged."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from cli import compose, console, logs, main, process
from cli.app import plan
from cli.settings import ROOT
from cli.shortcuts import SHORTCUTS, applications_own

if TYPE_CHECKING:
    from collections.abc import Callable

COMPOSE = ["docker", "compose", "--project-directory", str(ROOT)]


@pytest.fixture(autouse=True)
def _files_are_right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not let Compose read its files after each command that fails: tests/cli/test_app_commands.py shows that."""
    monkeypatch.setattr(plan, "check_files", lambda: None)


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the commands that ``./stack`` has run."""
    commands: list[list[str]] = []

    def run(command: list[str]) -> int:
        commands.append(command)
        return 7

    monkeypatch.setattr(process, "run", run)
    monkeypatch.setattr(console, "may_ask", lambda: False)
    return commands


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["ps"], ["ps", "--all"]),
        (["manage", "migrate", "--plan"], ["exec", "-T", "web-django", "python", "manage.py", "migrate", "--plan"]),
        (["flask", "keys", "list"], ["exec", "-T", "api-flask", "flask", "keys", "list"]),
        (["shell", "worker"], ["exec", "-T", "worker", "bash"]),
        (["shell", "worker", "ls", "-l"], ["exec", "-T", "worker", "ls", "-l"]),
    ],
)
def test_it_hands_a_short_command_on(ran: list[list[str]], arguments: list[str], command: list[str]) -> None:
    assert main.main(arguments) == 7
    assert ran == [[*COMPOSE, *command]]


@pytest.mark.parametrize("name", ["psql", "redis-cli"])
def test_options_that_come_first_are_the_program_s(ran: list[list[str]], name: str) -> None:
    main.main([name, "-x", "--help"])

    assert ran[0][-3:] == [name, "-x", "--help"]


@pytest.mark.parametrize(
    ("arguments", "folder"),
    [
        (["manage", "makemigrations", "news"], "services/web-django"),
        (["alembic", "revision", "-m", "next"], "services/api-flask"),
    ],
)
def test_what_writes_into_the_checkout_may_and_does_it_as_the_user(
    ran: list[list[str]], arguments: list[str], folder: str
) -> None:
    main.main(arguments)

    (command,) = ran
    assert command[: len(COMPOSE) + 3] == [*COMPOSE, "run", "--rm", "--no-deps"]
    assert f"{ROOT / folder}:/app" in command
    assert command[command.index("--user") + 1].startswith(f"{os.getuid()}:")


def test_it_is_a_terminal_where_a_person_sits(ran: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "may_ask", lambda: True)
    main.main(["shell", "worker"])

    assert ran == [[*COMPOSE, "exec", "worker", "bash"]]


@pytest.mark.parametrize("name", [*SHORTCUTS, *applications_own(), "logs"])
def test_each_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main.main([name, "--help"])

    assert stopped.value.code == 0
    assert f"usage: ./stack {name}" in capsys.readouterr().out


def test_a_shell_of_no_service_is_refused(ran: list[list[str]], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main.main(["shell"])

    assert "required: SERVICE" in capsys.readouterr().err
    assert not ran


def test_the_version_is_the_release_and_the_commit(capsys: pytest.CaptureFixture[str]) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()

    assert main.main(["--version"]) == 0
    name, release, described = capsys.readouterr().out.split()
    assert (name, release) == ("landfast", (ROOT / "VERSION").read_text(encoding="utf-8").strip())
    assert described.removesuffix("-dirty") == commit[:12]


def line(container: str, **entry: object) -> str:
    return f"{container}-1  | {json.dumps(entry)}"


def test_a_log_line_reads_like_a_sentence_and_its_traceback_like_one() -> None:
    text = line(
        "worker",
        time="2026-11-29T12:41:09.123Z",
        level="error",
        service="worker",
        message="task failed",
        request_id="0f3c",
        exception="Traceback:\n  boom",
    )

    assert logs.readable(text) == (
        "12:41:09.123Z ERROR worker-1 task failed request_id=0f3c\n    Traceback:\n      boom"
    )


@pytest.mark.parametrize("text", ["postgres-1  | FATAL: no", "not | json", "worker-1  | [1]", ""])
def test_what_is_no_json_stays_as_it_is(text: str) -> None:
    assert logs.readable(text) == text


def test_it_shows_the_lines_of_one_request_alone(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = "\n".join(
        [line("nginx", message="GET /", request_id="one"), line("api", message="other", request_id="two")]
    )
    faked: Callable[..., list[str]] = lambda *_, **__: ["printf", "%s\\n", lines]  # noqa: E731
    monkeypatch.setattr(compose, "logs", faked)

    assert main.main(["logs", "--request", "one"]) == 0
    assert capfd.readouterr().out == "nginx-1 GET / request_id=one\n"


@pytest.mark.parametrize(
    ("options", "tail"), [([], "200"), (["--request", "0f3c"], "all"), (["--request", "0f3c", "-n", "9"], "9")]
)
def test_it_searches_all_lines_for_a_request(monkeypatch: pytest.MonkeyPatch, options: list[str], tail: str) -> None:
    asked: list[str] = []

    def faked(*_: str, lines: int | str, **__: bool) -> list[str]:
        asked.append(str(lines))
        return ["true"]

    monkeypatch.setattr(compose, "logs", faked)
    main.main(["logs", *options])

    assert asked == [tail]


def test_it_names_the_services_that_there_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(process, "capture", lambda _: process.Output(0, "nginx\nworker\n"))

    assert main.main(["logs", "workr"]) == 1
    assert capsys.readouterr().err == "./stack: workr is no service\n  services are: nginx, worker\n"


def test_it_asks_compose_for_the_services_that_are_named() -> None:
    assert compose.logs("web-django", "worker", lines=9, follow=True, prefix=True) == [
        *COMPOSE, "logs", "--no-color", "--follow", "--tail", "9", "web-django", "worker",
    ]  # fmt: skip
