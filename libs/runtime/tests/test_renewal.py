"""The conditions for the renewal of a worker's processes, and stops. The rooms' tests renew real processes."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import signal
import sys
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from billiard.pool import EX_RECYCLE
from celery import signals
from celery.worker import state
from landfast_runtime.memory import MIB
from landfast_runtime.worker import activity, dramatiq_renewal, renewal
from landfast_runtime.worker.dramatiq_renewal import RenewingMiddleware
from landfast_runtime.worker.renewal import Renewal

if TYPE_CHECKING:
    from pathlib import Path


class Process:
    """A process whose size the test chooses, and the worker's actions on it.

    Args:
        monkeypatch: restores everything.
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
def process(monkeypatch: pytest.MonkeyPatch) -> Process:
    return Process(monkeypatch)


def prepared(children: int) -> tuple[Renewal, Any]:
    """Return a renewal whose processes may grow by 50 MiB, and its worker."""
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


def test_whoever_listens_hears_once_that_the_worker_ends(process: Process) -> None:
    told: list[str] = []

    def listen(how: str, **_: Any) -> None:  # noqa: ANN401 - arguments of a signal
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


def test_a_worker_starts_anew_when_somebody_asks_for_it(process: Process) -> None:
    made, worker = prepared(2)
    made.begin()
    made.start_anew(worker)

    assert state.should_stop == 0
    assert process.at_its_end == [(os.execv, sys.executable, sys.orig_argv)]


def test_a_worker_that_is_stopped_already_does_not_start_anew(process: Process) -> None:
    made, worker = prepared(2)
    made.give_way(sig="SIGTERM")
    made.begin()
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
    monkeypatch.setattr(activity, "DIRECTORY", tmp_path)
    activity.occupy(SimpleNamespace(internal=False))
    assert len(list(tmp_path.iterdir())) == 1

    renewal.report(exitcode=0)
    assert not caplog.records
    renewal.report(exitcode=EX_RECYCLE)
    activity.leave()

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
