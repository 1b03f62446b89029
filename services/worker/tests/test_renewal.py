"""A worker whose tasks leak is renewed: each task is done once, none gets stuck, and a stop is still a stop."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from billiard.pool import EX_RECYCLE
from celery import signals
from celery.worker import state
from landfast_runtime.memory import MIB
from landfast_testing.waiting import DEADLINE, wait_until
from mailer.conversation import conversations
from sqlalchemy import text
from worker import dramatiq_renewal, renewal, slots
from worker.dramatiq_renewal import RenewingMiddleware
from worker.renewal import Renewal

from tests.leaking.tasks import LEAK, leak

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from landfast_testing.outbox import Outbox
    from sqlalchemy import Engine

#: MiB that a process may grow by: ten tasks of them.
GROWTH = 100

#: Seconds: far more than all of it takes.
LONGEST = 8 * DEADLINE

#: The process that ran a task, and how often that had begun: "4711.1".
Processes = list[str]


@pytest.fixture
def effects(database: Engine, outbox: Outbox) -> Iterator[Callable[[], dict[int, Processes]]]:  # noqa: ARG001 - empties the table
    """Return a function that reads which processes ran each task."""

    def read() -> dict[int, Processes]:
        found: dict[int, Processes] = {}
        with database.connect() as connection:
            for number, process in connection.execute(text("SELECT number, process FROM public.leak")):
                found.setdefault(number, []).append(process)
        return found

    with database.begin() as connection:
        connection.execute(text("CREATE TABLE public.leak (number integer, process text)"))
    yield read
    with database.begin() as connection:
        connection.execute(text("DROP TABLE public.leak"))


@pytest.fixture
def start(tmp_path: Path, effects: object) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:  # noqa: ARG001 - its table
    """Start a lane's worker; it is killed in the end if need be."""
    started: list[subprocess.Popen[bytes]] = []

    def start(lane: str) -> subprocess.Popen[bytes]:
        variables = {
            "WORKER_LANE": lane, "WORKER_CONCURRENCY": "2", "WORKER_GROWTH_MB": str(GROWTH),
            "POSTGRES_DB": "worker", "SLOTS": str(tmp_path / "slots"),
        }  # fmt: skip
        command = (sys.executable, "-m", "celery", "-q", "-A", "tests.leaking.worker", "worker")
        started.append(subprocess.Popen(command, env=os.environ | variables, cwd=Path(__file__).parents[1]))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_for_all(
    process: subprocess.Popen[bytes], effects: Callable[[], dict[int, Processes]], tasks: int
) -> dict[int, Processes]:
    """Wait until every task has left its effect, and return them."""

    def are_done() -> bool:
        assert process.poll() is None, "the worker ended"
        return len(effects()) >= tasks

    wait_until(are_done, f"{tasks} tasks are done: the worker stands still", LONGEST)
    return effects()


@pytest.mark.slow
@pytest.mark.parametrize(("lane", "tasks", "processes"), [("tasks", 40, 2), ("mail", 20, 1)])
def test_a_worker_whose_tasks_leak_is_renewed_and_does_each_of_them_once(
    start: Callable[[str], subprocess.Popen[bytes]],
    effects: Callable[[], dict[int, Processes]],
    lane: str,
    tasks: int,
    processes: int,
) -> None:
    for number in range(tasks):
        leak.delay(number)
    worker = start(lane)
    found = wait_for_all(worker, effects, tasks)

    assert {number: len(by) for number, by in found.items()} == dict.fromkeys(range(tasks), 1)
    runs = Counter(process for by in found.values() for process in by)
    assert len(runs) > processes, "none was renewed"
    assert max(runs.values()) <= GROWTH * MIB // LEAK + 4, "beside those that are at work and wait meanwhile"
    pids = {process.partition(".")[0] for process in runs}
    assert (pids == {str(worker.pid)}) is (lane == "mail"), "threads: the same process, which started anew"

    worker.terminate()
    assert worker.wait(2 * DEADLINE) == 0


class Process:
    """A process whose size the test chooses, and what the worker does with it.

    Args:
        monkeypatch: puts everything back.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.mebibytes = 100
        self.at_its_end: list[object] = []
        self.signals: list[tuple[int, int]] = []
        for module in (renewal, dramatiq_renewal):
            monkeypatch.setattr(module, "resident", lambda: self.mebibytes * MIB)
        monkeypatch.setattr(state, "should_stop", None)
        monkeypatch.setattr(atexit, "register", lambda *call: self.at_its_end.append(call))
        monkeypatch.setattr(os, "kill", lambda *sent: self.signals.append(sent))


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Process]:
    yield Process(monkeypatch)
    conversations.resume()  # which a worker that ends breaks off


def prepared(children: int) -> tuple[Renewal, Any]:
    """Return a worker's renewal whose processes may grow by 50 MiB, and its worker."""
    worker: Any = SimpleNamespace(max_memory_per_child=None, exitcode=0)
    made = Renewal(50, children)
    made.set_limits(worker)
    return made, worker


@pytest.mark.parametrize(("children", "enough", "too_much"), [(0, 150, 151), (2, 125, 126)])
def test_a_worker_takes_nothing_new_once_it_has_grown_too_much(
    process: Process, children: int, enough: int, too_much: int
) -> None:
    made, worker = prepared(children)
    assert worker.max_memory_per_child == 150 * 1024, "a copy of it has room left to grow"
    process.mebibytes = enough
    made.look()
    assert state.should_stop is None

    process.mebibytes = too_much
    made.look()
    made.start_anew(worker)

    assert state.should_stop == 0
    assert process.at_its_end == [(os.execv, sys.executable, sys.orig_argv)]


def test_letters_that_cannot_have_been_taken_are_broken_off_first(process: Process) -> None:
    told: list[str] = []

    def listen(how: str, **_: Any) -> None:  # noqa: ANN401 - Celery's signals pass what they like
        told.append(how)

    made, _ = prepared(0)
    process.mebibytes = 500
    signals.worker_shutting_down.connect(listen)
    made.look()
    made.look()

    assert told == ["Warm"], "once"


def test_a_worker_that_is_stopped_meanwhile_does_not_start_anew(process: Process) -> None:
    made, worker = prepared(0)
    process.mebibytes = 500
    made.look()
    made.give_way(sig="SIGTERM")
    made.look()
    made.start_anew(worker)

    assert not process.at_its_end


def test_a_worker_that_fails_ends_as_it_always_did(process: Process) -> None:
    made, worker = prepared(0)
    process.mebibytes = 500
    made.look()
    worker.exitcode = 1
    made.start_anew(worker)

    assert not process.at_its_end


def test_a_child_that_ends_for_its_size_says_so_and_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(slots, "DIRECTORY", tmp_path)
    slots.occupy(SimpleNamespace(internal=False))
    assert len(list(tmp_path.iterdir())) == 1

    renewal.report(exitcode=0)
    assert not caplog.records
    renewal.report(exitcode=EX_RECYCLE)
    slots.leave()

    assert "another replaces it" in caplog.text
    assert not list(tmp_path.iterdir())


def test_dramatiq_s_threads_pause_and_its_main_process_gets_one_signal(
    process: Process, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused: list[int] = []
    worker: Any = SimpleNamespace(
        workers=[SimpleNamespace(pause=lambda each=each: paused.append(each)) for each in (1, 2)]
    )
    monkeypatch.setattr(multiprocessing, "parent_process", lambda: SimpleNamespace(pid=4711))
    middleware = RenewingMiddleware(50)
    nothing = cast("Any", None)
    middleware.after_worker_boot(nothing, worker)
    process.mebibytes = 150
    middleware.after_process_message(nothing, nothing)
    assert not process.signals
    assert not paused

    process.mebibytes = 151
    middleware.after_skip_message(nothing, nothing)
    middleware.after_process_message(nothing, nothing)

    assert paused == [1, 2]
    assert process.signals == [(4711, signal.SIGHUP)]
