"""Beat's lease: of two beats one sends at any moment."""

from __future__ import annotations

import json
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from landfast_outbox import databases
from landfast_outbox.celery import lease_in_first_database
from landfast_outbox.databases import named
from landfast_outbox.lease import Lease, LeaseLostError
from landfast_outbox.psycopg import PsycopgDatabase
from landfast_runtime.worker import lease as of_beat
from landfast_testing.waiting import wait_until

from tests.app import add, plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from landfast_outbox.databases import Database
    from landfast_runtime.connections import Postgres
    from landfast_testing.outbox import Outbox
    from psycopg import Connection

NAME = "beat/shop"

#: Ends the session that has a lease, as the server does for a host that is cut off.
END_HOLDER = """
    SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity JOIN pg_locks USING (pid)
    WHERE application_name = %s AND locktype = 'advisory' AND granted
"""
#: Sessions that the process of a beat has; those of the test itself have another name.
BUSY = "SELECT FROM pg_stat_activity WHERE application_name IN ('worker', 'beats/beats') AND state <> 'idle'"


class Beat:
    """A process that wants the lease.

    Args:
        database: its database.
        name: the lease's name.
    """

    def __init__(self, database: Database, name: str = NAME) -> None:
        self.taken: list[bool] = []
        self.lease = Lease(database, name, self.taken.append)

    def sends(self) -> bool:
        """Write a task, and return whether the lease allowed it."""
        try:
            with self.lease.sending():
                add.delay(1, 2)
        except LeaseLostError:
            return False
        return True


@pytest.fixture(params=["default", "django", "psycopg"])
def database(request: pytest.FixtureRequest, worker_databases: None) -> Database:  # noqa: ARG001 - registers them
    """The database by each adapter."""
    return named(request.param, "a test")


@pytest.fixture
def beats(database: Database, postgres: Postgres) -> Iterator[tuple[Beat, Beat]]:
    """Two beats; the second one has connections of its own."""
    one, two = Beat(database), Beat(PsycopgDatabase(postgres))
    yield one, two
    one.lease.release()
    two.lease.release()


def test_one_of_two_sends_and_the_other_takes_over(beats: tuple[Beat, Beat], outbox: Outbox) -> None:
    one, two = beats
    assert [one.lease.held(), two.lease.held(), one.lease.held(), two.lease.held()] == [True, False, True, False]
    assert [one.sends(), two.sends()] == [True, False]
    assert len(outbox.tasks) == 1

    one.lease.release()

    assert [two.lease.held(), one.lease.held()] == [True, False]
    assert [one.sends(), two.sends()] == [False, True]
    assert (one.taken, two.taken) == ([False], [True]), "the second one knows that another has sent before"


def test_a_beat_that_has_lost_its_session_sends_nothing_though_it_does_not_know(
    beats: tuple[Beat, Beat], connection: Connection[Any], outbox: Outbox
) -> None:
    one, two = beats
    assert one.lease.held()
    connection.execute(END_HOLDER, (NAME,))

    assert not one.sends()
    assert two.lease.held()
    assert not one.sends()
    assert two.sends()
    assert len(outbox.tasks) == 1
    assert [one.lease.held(), one.lease.held()] == [False, False], "it notices, and waits"


def test_the_next_one_waits_for_the_end_of_a_send(
    beats: tuple[Beat, Beat], connection: Connection[Any], outbox: Outbox
) -> None:
    one, two = beats
    assert one.lease.held()
    with one.lease.sending():
        add.delay(1, 2)
        connection.execute(END_HOLDER, (NAME,))
        assert not two.lease.held(), "the task may still be written"

    assert len(outbox.tasks) == 1
    assert two.lease.held()


def test_a_plain_task_asks_for_the_lease_too(beats: tuple[Beat, Beat], connection: Connection[Any]) -> None:
    one, two = beats
    assert one.lease.held()
    connection.execute(END_HOLDER, (NAME,))
    assert two.lease.held()

    with pytest.raises(LeaseLostError, match=f"{NAME} has lost its lease"), one.lease.sending():
        plain.delay(1)


def test_a_restart_of_the_database_changes_no_holder(
    beats: tuple[Beat, Beat], connection: Connection[Any], caplog: pytest.LogCaptureFixture
) -> None:
    one, _ = beats
    assert one.lease.held()
    connection.execute(END_HOLDER, (NAME,))

    with caplog.at_level(logging.INFO):
        assert [one.lease.held(), one.lease.held()] == [False, True]
    assert one.taken == [False, False], "nobody else has sent meanwhile"
    assert [record.message.partition(":")[0] for record in caplog.records] == [
        f"{NAME} sends nothing, because it has no lease",
        f"{NAME} has its lease",
    ]


def test_it_says_once_who_has_the_lease(
    beats: tuple[Beat, Beat], postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = beats
    assert one.lease.held()

    assert not any(two.lease.held() for _ in range(3))

    assert [record.message for record in caplog.records] == [
        f"{NAME} sends nothing, because it has no lease: another process has it: {postgres.user}"
    ]


def test_beats_of_other_names_do_not_wait_for_each_other(beats: tuple[Beat, Beat], postgres: Postgres) -> None:
    one, _ = beats
    other = Beat(PsycopgDatabase(postgres), "beat/other")
    assert one.lease.held()
    assert other.lease.held()
    other.lease.release()


def test_without_a_database_nobody_has_the_lease_and_somebody_is_told_once(
    monkeypatch: pytest.MonkeyPatch, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse() -> Any:  # noqa: ANN401 - it returns nothing
        raise psycopg.OperationalError("connection refused")

    monkeypatch.setattr(database, "connect", refuse)
    beat = Beat(database)

    assert not any(beat.lease.held() for _ in range(3))
    assert [record.message.partition("lease: ")[2] for record in caplog.records] == [
        "the database is away: connection refused"
    ]


def test_beat_s_lease_is_in_the_database_that_its_program_registers_first(
    monkeypatch: pytest.MonkeyPatch, postgres: Postgres
) -> None:
    def taken(another: bool) -> None:  # noqa: FBT001 - a callback's
        assert not another

    monkeypatch.setattr(databases, "_named", {})
    monkeypatch.setattr(of_beat, "_makers", [lease_in_first_database])
    assert of_beat.make(NAME, taken) is None, "there is none"
    databases.use(PsycopgDatabase(postgres))
    made = of_beat.make(NAME, taken)
    assert made
    assert made.held()
    made.release()


class Program:
    """Processes of ``celery beat``.

    Args:
        postgres: their database.
        folder: for secrets, logs and marks.
    """

    def __init__(self, postgres: Postgres, folder: Path) -> None:
        (folder / "postgres_password").write_text("only-for-tests-0123456789")
        self.folder = folder
        self.environment = {
            **os.environ,
            "POSTGRES_HOST": postgres.host,
            "POSTGRES_PORT": str(postgres.port),
            "POSTGRES_DB": postgres.database,
            "POSTGRES_USER": postgres.user,
            "SECRETS_DIR": str(folder),
            "SERVICE_NAME": "beats",
            "BEAT_MARKS": str(folder),
        }
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> None:
        with (self.folder / "log").open("ab") as log:
            self.processes.append(
                subprocess.Popen(
                    [sys.executable, "-m", "celery", "-q", "-A", "tests.beat_program", "beat", "--pidfile="],
                    env=self.environment,
                    cwd=Path(__file__).parents[1],
                    stdout=log,
                    stderr=log,
                )
            )

    def ticks_again(self, process: int) -> None:
        """Wait until a beat has ticked."""
        mark = self.folder / str(process)
        mark.unlink()
        wait_until(mark.exists, f"beat {process} ticks")

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def program(postgres: Postgres, connection: Connection[Any], tmp_path: Path) -> Iterator[Program]:  # noqa: ARG001 - cleans up
    """Two beats that run. They end before their tasks are removed."""
    made = Program(postgres, tmp_path)
    made.start()
    made.start()
    yield made
    made.stop()


def senders(connection: Connection[Any]) -> list[int]:
    """Return the process that wrote each task, in the order of writing."""
    rows = connection.execute("SELECT body FROM outbox.task ORDER BY sequence").fetchall()
    return [json.loads(body)[0][0] for (body,) in rows]


def sender_of_more(connection: Connection[Any], *, without: int = 0) -> int:
    """Wait for three more tasks, and return their sender."""
    known = len(senders(connection))
    wait_until(
        lambda: len([one for one in senders(connection)[known:] if one != without]) >= 3, "a beat sends three tasks"
    )
    return senders(connection)[-1]


def one_after_the_other(connection: Connection[Any]) -> list[int]:
    """Return the senders in their order, each of them once for each time that it began to send."""
    found = senders(connection)
    return [one for number, one in enumerate(found) if number == 0 or found[number - 1] != one]


@pytest.mark.slow
def test_of_two_processes_one_sends_and_the_other_takes_over_when_it_is_killed(
    program: Program, connection: Connection[Any]
) -> None:
    first = sender_of_more(connection)
    os.kill(first, signal.SIGKILL)

    second = sender_of_more(connection, without=first)

    assert one_after_the_other(connection) == [first, second]
    assert {first, second} == {process.pid for process in program.processes}


@pytest.mark.slow
def test_a_beat_that_comes_back_after_the_other_took_over_sends_nothing(
    program: Program, connection: Connection[Any]
) -> None:
    first = sender_of_more(connection)

    def stopped_between_sends() -> bool:
        os.kill(first, signal.SIGSTOP)
        if connection.execute(BUSY).fetchone():
            os.kill(first, signal.SIGCONT)
            return False
        return True

    wait_until(stopped_between_sends, "no send is under way")
    connection.execute(END_HOLDER, ("beats/beats",))
    second = sender_of_more(connection, without=first)
    os.kill(first, signal.SIGCONT)
    program.ticks_again(first)
    program.ticks_again(first)
    sender_of_more(connection)

    assert one_after_the_other(connection) == [first, second]
