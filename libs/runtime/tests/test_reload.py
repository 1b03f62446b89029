"""The laptop's reload: a saved file renews the worker, and the watch ends with it."""

from __future__ import annotations

import time
from threading import Event
from typing import TYPE_CHECKING

import pytest
from landfast_runtime.worker.reload import Watcher
from landfast_testing.waiting import DEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def changed() -> Event:
    return Event()


@pytest.fixture
def watcher(tmp_path: Path, changed: Event) -> Iterator[Watcher]:
    made = Watcher(changed.set, [tmp_path])
    made.start()
    yield made
    made.stop()


def save_until(changed: Event, path: Path) -> None:
    """Save a file again and again, as the watch may begin a moment after its thread."""
    deadline = time.monotonic() + DEADLINE
    while not changed.wait(0.2):
        assert time.monotonic() < deadline, f"the watch missed that {path.name} was saved"
        path.write_text(f"# saved at {time.monotonic()}\n")


@pytest.mark.usefixtures("watcher")
def test_a_saved_file_renews_the_worker(changed: Event, tmp_path: Path) -> None:
    save_until(changed, tmp_path / "tasks.py")


def test_it_watches_all_code_on_the_path(changed: Event, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "library").mkdir()
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'library'}:")
    watcher = Watcher(changed.set)
    watcher.start()
    save_until(changed, tmp_path / "library" / "shared.py")
    watcher.stop()


def test_a_worker_that_ends_waits_for_the_watch_to_end(watcher: Watcher, changed: Event) -> None:
    watcher.stop()
    assert not watcher.is_watching
    assert not changed.is_set()
