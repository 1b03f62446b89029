from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

import pytest
from landfast_runtime import memory
from landfast_runtime.memory import LEAST, MIB, RESERVE

if TYPE_CHECKING:
    from pathlib import Path

#: Bytes of a block that the C library takes from its heap, and keeps there.
SMALL = 1 << 16


@pytest.fixture
def container(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The kernel's file with the container's memory limit; this process holds 100 MiB of it."""
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "LIMITS", (limit, tmp_path / "no-other-version"))
    monkeypatch.setattr(memory, "resident", lambda: 100 * MIB)
    return limit


def test_a_process_knows_what_it_holds() -> None:
    before = memory.resident()
    leaked = b"x" * (64 * MIB)

    assert memory.resident() - before > 60 * MIB
    assert leaked


def test_a_process_gives_back_what_it_has_freed() -> None:
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    # The last block lies above all others: the C library cannot shorten its heap.
    blocks = [libc.malloc(SMALL) for _ in range(64 * MIB // SMALL)]
    for block in blocks:
        ctypes.memset(block, 1, SMALL)
    for block in blocks[:-1]:
        libc.free(ctypes.c_void_p(block))
    before = memory.resident()

    memory.give_back()

    assert before - memory.resident() > 60 * MIB
    libc.free(ctypes.c_void_p(blocks[-1]))


@pytest.mark.parametrize(
    ("said", "available"), [("671088640\n", 640 * MIB), ("max\n", None), ("9223372036854771712", None)]
)
def test_the_container_s_limit_counts_and_without_one_the_machine_s_memory(
    container: Path, said: str, available: int | None
) -> None:
    machine = memory.available()
    container.write_text(said)

    assert memory.available() == (available or machine)


@pytest.mark.parametrize(("limit", "processes"), [(640, 3), (384, 1), (640, 5)])
def test_processes_that_have_grown_all_they_may_fit_the_container_with_the_reserve(
    container: Path, limit: int, processes: int
) -> None:
    container.write_text(str(limit * MIB))

    together = 100 * MIB + processes * memory.growth(0, processes)

    assert limit * MIB - RESERVE - processes < together <= limit * MIB - RESERVE


def test_what_somebody_set_counts_and_no_container_is_so_small_that_each_task_ends_its_process(container: Path) -> None:
    container.write_text(str(200 * MIB))

    assert memory.growth(77, 3) == 77 * MIB
    assert memory.growth(0, 3) == LEAST
