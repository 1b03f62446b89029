"""Workers whose tasks leak 10 MiB a run are renewed in time: none is lost or done twice, no container is killed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from secrets import token_hex
from typing import TYPE_CHECKING

import pytest

from tests.support.outbox import query
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from tests.support.stack import Stack

CELERY = (
    "from landfast_outbox import by_name; "
    "[by_name.send('lengthy.leak', ({mark!r}, n), queue={queue!r}) for n in range({number})]"
)
DRAMATIQ = (
    "from landfast_outbox import dramatiq; "
    "[dramatiq.send('lengthy.leak', 'tasks-dramatiq', ({mark!r}, n)) for n in range({number})]"
)
_OPEN = "SELECT count(*) FROM outbox.task WHERE name = 'lengthy.leak' AND completed_at IS NULL"


@dataclass(frozen=True)
class Run:
    """A line that a run left."""

    task: int
    process: str
    mebibytes: int

    @classmethod
    def of(cls, line: str) -> Run:
        """Return what a line says."""
        task, process, mebibytes = line.split()
        return cls(int(task), process, int(mebibytes))


def runs(stack: Stack, worker: str, mark: str) -> list[Run]:
    """Return the runs so far."""
    found = stack.execute(worker, "sh", "-c", f"cat /var/lib/lengthy/{mark} 2>/dev/null || true")
    return [Run.of(line) for line in found.splitlines()]


@pytest.mark.parametrize(
    ("worker", "sender", "sending", "queue", "tasks", "processes"),
    [
        # More than the container's memory has room for.
        pytest.param("worker", "api-flask", CELERY, "tasks", 60, 2, id="processes"),
        pytest.param("web-mail", "web-django", CELERY, "web.mail", 40, 1, id="threads"),
        # Off unless somebody asks for the profile.
        pytest.param("worker-dramatiq", "api-flask", DRAMATIQ, "", 40, 1, id="dramatiq", marks=pytest.mark.long),
    ],
)
def test_a_worker_whose_tasks_leak_is_renewed_and_does_each_of_them_once(
    lengthy: Stack, worker: str, sender: str, sending: str, queue: str, tasks: int, processes: int
) -> None:
    mark = token_hex(8)
    before = lengthy.inspect(worker)
    code = sending.format(mark=mark, queue=queue, number=tasks)
    lengthy.execute(sender, "python", "-c", code)

    wait_until(lambda: query(lengthy, _OPEN) == [["0"]], 90, lambda: f"{query(lengthy, _OPEN)} tasks to be done")
    found = runs(lengthy, worker, mark)

    assert Counter(run.task for run in found) == dict.fromkeys(range(tasks), 1)
    lives = Counter(run.process for run in found)
    assert len(lives) > processes, "none was renewed"
    limit = before["HostConfig"]["Memory"] >> 20
    largest = max(run.mebibytes for run in found)
    print(f"{worker}: {tasks} tasks by {len(lives)} processes of {largest} MiB at most; the container may hold {limit}")
    assert largest * processes < limit
    after = lengthy.inspect(worker)
    assert not after["State"]["OOMKilled"]
    assert after["State"]["StartedAt"] == before["State"]["StartedAt"], "no container ended: a deploy would notice"
    wait_until(lambda: lengthy.inspect(worker)["State"]["Health"]["Status"] == "healthy", 60, "health")
