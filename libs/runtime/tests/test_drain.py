"""The planned stop of PostgreSQL's container: images/postgres/drain, on a server of the test's own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from landfast_runtime.postgres.restarts import is_restart, was_closed
from landfast_testing.postgres import USER, Postgres, initialize, program, start
from landfast_testing.waiting import DEADLINE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

SCRIPT = Path(__file__).parents[3] / "images/postgres/drain"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A server's data directory."""
    directory = Path(tempfile.mkdtemp(prefix="landfast-drain-"))
    initialize(directory)
    yield directory
    shutil.rmtree(directory)


@pytest.fixture
def process(directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A running server."""
    process = start(directory)
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGQUIT)
    process.wait(DEADLINE)


@pytest.fixture
def dsn(directory: Path) -> str:
    """The connection string."""
    return Postgres(directory).dsn()


def drain(process: subprocess.Popen[bytes], directory: Path, seconds: int) -> subprocess.Popen[bytes]:
    """Begin a stop that gives running transactions a number of seconds."""
    path = f"{Path(program('psql')).parent}:{os.environ['PATH']}"
    variables = {"PATH": path, "PGHOST": str(directory), "PGUSER": USER}
    return subprocess.Popen([SCRIPT, str(process.pid), str(seconds)], env=variables)


def is_refused(dsn: str) -> bool:
    """Return whether the server refuses a new session like a restarting server."""
    try:
        psycopg.connect(dsn).close()
    except psycopg.OperationalError as error:
        return "is shutting down" in str(error) and is_restart(error)
    return False


def test_running_transactions_end_idle_sessions_go_and_no_new_one_is_taken(
    process: subprocess.Popen[bytes], directory: Path, dsn: str
) -> None:
    with closing(psycopg.connect(dsn)) as running, closing(psycopg.connect(dsn)) as idle:
        running.execute("CREATE TABLE kept (number int)")
        draining = drain(process, directory, 30)
        wait_until(lambda: is_refused(dsn), "new sessions are taken")
        wait_until(lambda: was_closed(idle), "a session that idles goes on")
        assert not was_closed(running)
        running.execute("INSERT INTO kept VALUES (42)")
        running.commit()

    assert draining.wait(DEADLINE) == 0
    assert process.wait(DEADLINE) == 0, "it stops by itself"
    again = start(directory)
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT number FROM kept").fetchall() == [(42,)]
    again.send_signal(signal.SIGINT)
    again.wait(DEADLINE)


def test_a_transaction_that_hangs_is_not_waited_for_any_longer(
    process: subprocess.Popen[bytes], directory: Path, dsn: str
) -> None:
    with closing(psycopg.connect(dsn)) as hanging:
        hanging.execute("SELECT 1")

        assert drain(process, directory, 1).wait(DEADLINE) == 0
        assert process.poll() is None
        process.send_signal(signal.SIGINT)  # like the entrypoint
        assert process.wait(DEADLINE) == 0


def test_it_fails_where_no_server_answers(process: subprocess.Popen[bytes], directory: Path) -> None:
    process.send_signal(signal.SIGINT)
    process.wait(DEADLINE)

    assert drain(process, directory, 1).wait(DEADLINE) != 0
