"""A worker whose tasks leak is renewed: each task is done once, none gets stuck, and a stop still works."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from landfast_runtime.memory import MIB
from landfast_testing.waiting import DEADLINE, wait_until

from tests.leaking.tasks import LEAK, leak

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

#: The limit of a process's growth in MiB: ten tasks.
GROWTH = 100

#: A deadline in seconds, far longer than the whole test takes.
LONGEST = 8 * DEADLINE

#: The process that ran a task, and the number of its starts: "4711.1".
Processes = list[str]


@pytest.fixture
def effects(connection: Connection[Any]) -> Iterator[Callable[[], dict[int, Processes]]]:
    """Return a function that reads the processes that ran each task."""

    def read() -> dict[int, Processes]:
        found: dict[int, Processes] = {}
        for number, process in connection.execute("SELECT number, process FROM public.leak").fetchall():
            found.setdefault(number, []).append(process)
        return found

    connection.execute("CREATE TABLE public.leak (number integer, process text)")
    yield read
    connection.execute("DROP TABLE public.leak")


@pytest.fixture
def start(tmp_path: Path, effects: object) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:  # noqa: ARG001 - its table
    """Start a lane's worker; it is killed at the end if necessary."""
    started: list[subprocess.Popen[bytes]] = []

    def start(lane: str) -> subprocess.Popen[bytes]:
        variables = {
            "WORKER_LANE": lane, "WORKER_CONCURRENCY": "2", "WORKER_GROWTH_MB": str(GROWTH),
            "ACTIVITY": str(tmp_path / "activity"),
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
@pytest.mark.parametrize(("lane", "tasks", "processes"), [("processes", 40, 2), ("threads", 20, 1)])
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
    assert (pids == {str(worker.pid)}) is (lane == "threads"), "threads: the same process, which started anew"

    worker.terminate()
    assert worker.wait(2 * DEADLINE) == 0
