"""The start of Nginx on a laptop and on servers, and its reload when a derived file changes."""

from __future__ import annotations

import re
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from cli.settings import ROOT
from tests.support.waiting import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: In place of Nginx: it says what it is asked for.
SERVER = "trap 'echo reload' HUP; trap 'exit 0' QUIT; echo starts; while :; do sleep 0.02; done"


@pytest.mark.parametrize(
    ("socket", "before"),
    [("", "reload-on-change {}/run/secrets"), ("/run/edge.sock", "take-sockets /run/edge.sock entrypoint")],
)
def test_derived_files_are_watched_on_a_laptop_and_not_on_servers(tmp_path: Path, socket: str, before: str) -> None:
    text = (ROOT / "nginx/entrypoint.sh").read_text(encoding="utf-8")
    text = re.sub("/(tmp|run/secrets)(?=[/ ])", rf"{tmp_path}/\1", text)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "run/secrets").mkdir(parents=True)
    for name in ("flower_password", "rabbitmq_operator_password", "rabbitmq_operator_reader_password", "tls_key"):
        (tmp_path / f"run/secrets/{name}").write_text("x")
    for name in ("need-secrets", "take-sockets", "reload-on-change"):
        (tmp_path / name).write_text('#!/bin/sh\n[ "${0##*/}" = need-secrets ] || echo "${0##*/} $*"\n')
        (tmp_path / name).chmod(0o755)
    variables = {"PATH": f"{tmp_path}:/usr/bin:/bin", "EDGE_SOCKET": socket}

    run = subprocess.run(["sh", "-c", text, "entrypoint", "nginx"], env=variables, capture_output=True, check=True)

    assert run.stdout.decode().strip() == f"{before.format(tmp_path)} nginx"


@contextmanager
def watched(folder: Path, log: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a server that is reloaded when a file of the folder changes."""
    # Below nohup the signal is ignored, and a shell cannot trap it then. Nginx can.
    heard = ("env", "--default-signal=HUP")
    command = [*heard, str(ROOT / "nginx/reload-on-change"), str(folder), "sh", "-c", SERVER]
    with log.open("w") as out, subprocess.Popen(command, stdout=out, text=True) as process:
        try:
            wait_until(lambda: log.read_text() == "starts\n", 10, "the start")
            yield process
        finally:
            process.kill()


def test_a_file_that_changes_or_is_added_is_read_without_a_restart(tmp_path: Path) -> None:
    folder, log = tmp_path / "secrets", tmp_path / "log"
    folder.mkdir()
    (folder / "flower.conf").write_text("# nothing\n")
    with watched(folder, log) as process:
        for number, name in enumerate(("flower.conf", "locations.conf"), 1):
            (folder / ".new").write_text("~^/flower/vhost/shop/ flower:5556;\n")
            (folder / ".new").rename(folder / name)
            wait_until(lambda: log.read_text() == "starts\n" + "reload\n" * number, 10, "the reload")  # noqa: B023 - at once
        process.terminate()


def test_the_watch_holds_no_log_when_the_server_has_ended(tmp_path: Path) -> None:
    command = [str(ROOT / "nginx/reload-on-change"), str(tmp_path), "echo", "ended"]

    assert (
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=20 * PATIENCE).stdout == "ended\n"
    )
