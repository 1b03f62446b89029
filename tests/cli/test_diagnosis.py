"""The doctor names the likely cause and the next step."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cli import diagnosis
from cli.diagnosis import Container

WELL = Container("web-django", status="running", health="healthy")
EXITED = Container("worker", status="exited", exit_code=1)


def log_line(level: str, message: str, **more: str) -> str:
    return json.dumps({"level": level, "message": message, **more})


def explain(container: Container, *log: str, unwell: tuple[str, ...] = ()) -> tuple[str, str]:
    finding = diagnosis.diagnose(container, log, {container.service, *unwell})
    return finding.reason, finding.step


def test_it_finds_nothing_wrong_with_what_runs_and_is_healthy() -> None:
    assert WELL.is_well
    assert Container("redis", status="running").is_well


@pytest.mark.parametrize(("code", "well"), [(0, True), (1, False)])
def test_it_expects_one_shots_to_end_well(code: int, *, well: bool) -> None:
    assert Container("migrate-web", status="exited", exit_code=code, once=True).is_well is well


def test_it_notices_a_service_that_somebody_stopped() -> None:
    stopped = replace(EXITED, exit_code=0)
    assert not stopped.is_well
    assert explain(stopped) == ("somebody stopped it", "./stack up")


def test_it_names_the_variable_of_a_bad_configuration() -> None:
    line = log_line("critical", "configuration: HTTP_THREADS: is 'x', must be a whole number")
    reason, step = explain(replace(EXITED, exit_code=78), log_line("info", "starting"), line)
    assert "HTTP_THREADS: is 'x'" in reason
    assert ".env" in step


def test_it_recognises_want_of_memory() -> None:
    reason, step = explain(replace(EXITED, exit_code=137, out_of_memory=True))
    assert "memory" in reason
    assert "limit" in step


def test_it_recognises_a_full_disk() -> None:
    assert explain(EXITED, "PANIC: could not write: No space left on device")[0] == "the disk is full"


def test_it_recognises_a_port_that_is_taken() -> None:
    error = "driver failed: Bind for 0.0.0.0:8080 failed: port is already allocated"
    reason, step = explain(Container("nginx", status="created", error=error))
    assert "0.0.0.0:8080" in reason
    assert "port" in step


def test_it_sends_the_user_to_what_a_service_waits_for() -> None:
    waiting = Container("web-django", status="created", waits_for=("secrets", "migrate-web"))
    reason, step = explain(waiting, unwell=("migrate-web",))
    assert reason == "it needs migrate-web"
    assert step.startswith("fix migrate-web first")


def test_it_quotes_the_health_check() -> None:
    unhealthy = replace(WELL, health="unhealthy", probe="postgres: password authentication failed")
    assert explain(unhealthy)[0] == "postgres: password authentication failed"


def test_it_says_when_a_service_keeps_restarting() -> None:
    restarting = Container("worker", status="restarting", exit_code=1, restarts=7)
    reason, _ = explain(restarting, log_line("error", "cannot connect"))
    assert reason == "cannot connect (restarted 7 times)"


TRACEBACK = """\
Traceback (most recent call last):
  File "wsgi.py", line 3, in <module>
    raise KeyError("SECRET")
KeyError: 'SECRET'
[INFO] worker exits"""


@pytest.mark.parametrize("status", ["restarting", "running"])
@pytest.mark.parametrize("wrapped", [True, False])
def test_it_names_the_exception_of_a_service_that_ends_after_each_start(status: str, *, wrapped: bool) -> None:
    looping = Container("shop", status=status, health="starting" * (status == "running"), restarts=1)
    lines = [log_line("info", line) for line in TRACEBACK.splitlines()] if wrapped else TRACEBACK.splitlines()

    finding = diagnosis.diagnose(looping, [*lines, *lines], {"shop"})

    assert (finding.service, finding.condition) == ("shop", "ending after each start")
    assert finding.reason == "KeyError: 'SECRET' (restarted 1 time)"
    assert finding.step == "./stack logs shop"
    assert diagnosis.telling(lines) == ["KeyError: 'SECRET'"]


def test_it_names_the_later_one_of_a_traceback_and_an_error() -> None:
    traceback, error = TRACEBACK.splitlines(), log_line("error", "cannot connect")
    assert diagnosis.last_complaint([*traceback, error]) == "cannot connect"
    assert diagnosis.last_complaint([error, *traceback]) == "KeyError: 'SECRET'"


def test_it_waits_for_a_service_that_starts_for_the_first_time() -> None:
    _, step = explain(Container("shop", status="running", health="starting"))
    assert step.startswith("wait a little")


def test_it_prefers_a_severe_line_over_words_that_sound_bad() -> None:
    lines = [log_line("error", "boom", exception="Traceback\nValueError: bad"), log_line("info", "0 failed"), "bye"]
    assert diagnosis.last_complaint(lines) == "boom ValueError: bad"


def test_it_falls_back_to_words_and_then_to_the_last_line() -> None:
    assert diagnosis.last_complaint(["FATAL: no pg_hba entry", "shutting down"]) == "FATAL: no pg_hba entry"
    assert diagnosis.last_complaint(["one", "two", ""]) == "two"
    assert diagnosis.last_complaint([]) == ""


def test_it_shows_few_lines_and_none_twice() -> None:
    lines = [log_line("error", f"problem {number % 5}") for number in range(50)] + [log_line("info", "hello")]
    assert diagnosis.telling(lines) == ["problem 2", "problem 3", "problem 4"]


def test_it_removes_the_terminals_control_sequences() -> None:
    assert diagnosis.plain('\x1b[2K{"level":"info"}\x1b[0m') == '{"level":"info"}'


def test_it_reads_what_docker_tells_and_misses_what_is_not_there() -> None:
    inspected = {
        "State": {
            "Status": "running",
            "ExitCode": 0,
            "OOMKilled": False,
            "Error": "",
            "Health": {
                "Status": "unhealthy",
                "Log": [{"ExitCode": 1, "Output": "checking\nrefused\n"}, {"ExitCode": 0, "Output": "fine"}],
            },
        },
        "RestartCount": 2,
        "HostConfig": {"RestartPolicy": {"Name": "unless-stopped"}},
        "Config": {
            "Labels": {
                "com.docker.compose.service": "worker",
                "com.docker.compose.depends_on": "secrets:service_healthy:false,redis:service_started:true",
            }
        },
    }
    found = diagnosis.containers([inspected], ["worker", "beat"])
    assert found == [
        Container("beat"),
        Container(
            "worker",
            status="running",
            health="unhealthy",
            restarts=2,
            probe="refused",
            waits_for=("secrets", "redis"),
        ),
    ]
