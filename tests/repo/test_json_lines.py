"""The program that converts the output of a container's server to JSON lines."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.waiting import PATIENCE, wait_until

PROGRAM = Path(__file__).parents[2] / "images/base/bin/json-lines"

#: Numbered lines, one every millisecond, each in a write of its own.
COUNTING = """
import time
for number in range(200):
    print("line", number, flush=True)
    time.sleep(0.001)
"""


#: Four times a pipe's largest capacity, to the output that an argument names; then a file shows the end.
FLOOD = """
import os, sys
for number in range(4000):
    try:
        os.write(int(sys.argv[1]), b"x" * 1000 + b"\\n")
    except BlockingIOError:
        pass
open(sys.argv[2], "w").close()
"""


def said(*command: str) -> list[dict[str, str]]:
    finished = subprocess.run(
        [str(PROGRAM), "sample", *command], capture_output=True, timeout=PATIENCE * 30, check=True
    )
    return [json.loads(line) for line in finished.stdout.splitlines()]


def shell(script: str) -> list[dict[str, str]]:
    return said("/bin/sh", "-c", script)


def test_each_line_goes_on_once_and_in_order() -> None:
    assert [line["message"] for line in said(sys.executable, "-c", COUNTING)] == [f"line {n}" for n in range(200)]


def test_lines_that_come_quickly_go_on_together() -> None:
    command = [str(PROGRAM), "sample", sys.executable, "-c", COUNTING]
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)  # a packet is a write
    with ours, theirs, subprocess.Popen(command, stdout=theirs.fileno()):
        theirs.close()
        ours.settimeout(PATIENCE * 30)
        writes = list(iter(lambda: ours.recv(1 << 20), b""))

    assert sum(write.count(b"\n") for write in writes) == 200
    assert len(writes) < 100


def test_a_last_line_without_an_end_is_kept() -> None:
    assert [line["message"] for line in shell("printf 'first\\n\\nlast'")] == ["first", "last"]


def test_a_line_longer_than_a_read_stays_whole() -> None:
    [line] = shell("head -c 300000 /dev/zero | tr '\\0' x")

    assert line["message"] == "x" * 300_000


def test_what_is_json_is_only_given_the_service() -> None:
    [line] = shell("""echo '{"time":"now","level":"info","message":"hello"}'""")

    assert line == {"service": "sample", "time": "now", "level": "info", "message": "hello"}


def test_bytes_that_are_no_text_do_not_spoil_a_line() -> None:
    [line] = shell(r"""printf 'a\377b "quoted" \\ \t\n'""")

    assert line["message"] == 'a?b "quoted" \\'


def test_signals_and_the_exit_status_go_through_and_the_last_words_are_heard() -> None:
    server = "trap 'echo bye; exit 7' TERM; echo up; while :; do sleep 0.05; done"
    with subprocess.Popen([str(PROGRAM), "sample", "/bin/sh", "-c", server], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()

        assert (json.loads(first)["message"], json.loads(rest)["message"]) == ("up", "bye")
        assert process.wait(PATIENCE * 30) == 7


@pytest.mark.parametrize(("options", "output"), [((), 1), ((), 2), (("--stderr",), 2)])
def test_a_server_that_is_never_to_wait_goes_on_while_it_stands_still(
    tmp_path: Path, options: tuple[str, ...], output: int
) -> None:
    done, go = tmp_path / "done", tmp_path / "go"
    server = f'echo up >&{output}; until [ -e "{go}" ]; do sleep 0.05; done; exec "$@"'
    flood = ["/bin/sh", "-c", server, "sh", sys.executable, "-c", FLOOD, str(output), str(done)]
    command = [str(PROGRAM), "--never-wait", *options, "sample", *flood]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["message"] == "up"
        process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
        go.touch()
        try:
            wait_until(done.exists, 30, "the server's end")
        finally:
            process.send_signal(signal.SIGCONT)
        lines = process.stdout.read().splitlines()

    assert {json.loads(line)["message"] for line in lines} == {"x" * 1000}
    assert process.returncode == 0


def test_it_loses_nothing_of_a_server_that_waits() -> None:
    count = 20_000
    lines = said(sys.executable, "-c", f"for number in range({count}): print(number, 'x' * 100)")

    assert [int(line["message"].split()[0]) for line in lines] == list(range(count))


def test_what_a_server_writes_as_json_by_itself_goes_past_it() -> None:
    script = """echo '{"service":"own"}'; echo '[warn] other' >&2"""
    command = [str(PROGRAM), "--stderr", "sample", "/bin/sh", "-c", script]
    finished = subprocess.run(command, capture_output=True, timeout=PATIENCE * 30, check=True)

    own, converted = [json.loads(line) for line in sorted(finished.stdout.splitlines())]
    assert own == {"service": "own"}
    assert (converted["service"], converted["level"], converted["message"]) == ("sample", "warning", "[warn] other")


def test_a_line_of_nginxs_error_log_names_its_connection_which_its_request_names_too() -> None:
    text = "2026/11/29 10:00:00 [error] 23#24: *4711 connect() failed (111: Connection refused)"
    [line] = said("/bin/echo", text)

    assert line.items() >= {"level": "error", "message": text, "connection": 4711}.items()


@pytest.mark.parametrize("text", ["2026/11/29 10:00:00 [notice] 1#1: start worker process 7", "*12 of them"])
def test_a_line_without_a_connection_names_none(text: str) -> None:
    [line] = said("/bin/echo", text)

    assert "connection" not in line
