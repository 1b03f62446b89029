"""What becomes of a task whose worker is stopped, killed or replaced while it runs."""

from __future__ import annotations

from secrets import token_hex
from typing import TYPE_CHECKING

import pytest

from tests.support.outbox import error, result, send, state
from tests.support.stack import docker
from tests.support.stopping import stopping
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.stack import Stack

#: Longer than any test takes: a run that is cut short never ends by itself.
FOR_LONG = 600


@pytest.fixture
def begin(lengthy: Stack) -> Callable[..., str]:
    """Return a function that sends a task, waits until it runs, and returns its id."""

    def begin(sending: str, seconds: float, worker: str) -> str:
        mark = token_hex(8)
        task = send(lengthy, sending.format(arguments=f"({mark!r}, {seconds})"))

        def runs() -> bool:
            return mark in lengthy.execute(worker, "ls", "/var/lib/lengthy")

        wait_until(runs, 30, lambda: f"the task to run: {state(lengthy, task)}")
        return task

    return begin


#: How the API sends a task to the shared application's workers: by its name, and the queue of these.
CELERY = "by_name.send('lengthy.{name}', {{arguments}}, queue='tasks'{options})"
SHORT, LONG = (CELERY.format(name=name, options="") for name in ("linger", "linger_outside"))
DRAMATIQ = "dramatiq.send('lengthy.linger', 'tasks-dramatiq', {arguments})"

every_kind = pytest.mark.parametrize(
    ("sending", "worker"),
    [
        pytest.param(SHORT, "worker", id="celery"),
        pytest.param(LONG, "worker", id="celery-long"),
        # Off unless somebody asks for the profile.
        pytest.param(DRAMATIQ, "worker-dramatiq", id="dramatiq", marks=pytest.mark.long),
    ],
)


@every_kind
def test_a_stopped_worker_finishes_what_it_can_and_takes_nothing_new(
    lengthy: Stack, begin: Callable[..., str], sending: str, worker: str
) -> None:
    running = begin(sending, 5, worker)
    with stopping(lengthy, worker):
        wait_until(lambda: result(lengthy, running), 50, "the task to end")
    assert result(lengthy, running) == '"at once"'
    assert lengthy.inspect(worker)["State"]["ExitCode"] == 0

    waiting = send(lengthy, sending.format(arguments=f"({token_hex(8)!r}, 0)"))
    lengthy.start(worker)
    wait_until(lambda: result(lengthy, waiting), 60, "what waited to be done")


@every_kind
def test_a_task_that_outlasts_the_grace_period_runs_again(
    lengthy: Stack, begin: Callable[..., str], sending: str, worker: str
) -> None:
    task = begin(sending, FOR_LONG, worker)
    lengthy.compose("stop", "--timeout=3", worker)
    assert result(lengthy, task) is None

    lengthy.start(worker)
    wait_until(lambda: result(lengthy, task) == '"again"', 60, lambda: f"another run: {state(lengthy, task)}")


@every_kind
def test_a_task_whose_worker_is_killed_runs_again(
    lengthy: Stack, begin: Callable[..., str], sending: str, worker: str
) -> None:
    task = begin(sending, FOR_LONG, worker)
    docker("kill", lengthy.container(worker))

    lengthy.start(worker)
    wait_until(lambda: result(lengthy, task) == '"again"', 60, lambda: f"another run: {state(lengthy, task)}")


@pytest.mark.parametrize("name", ["linger", "linger_outside"])
def test_a_task_that_reaches_its_time_limit_is_a_dead_letter_and_keeps_nobody_waiting(
    lengthy: Stack, begin: Callable[..., str], name: str
) -> None:
    task = begin(CELERY.format(name=name, options=", time_limit=4"), FOR_LONG, "worker")
    wait_until(lambda: state(lengthy, task) == "dead", 20, lambda: f"a dead letter: {state(lengthy, task)}")
    assert "TimeLimitExceeded(4" in error(lengthy, task)

    other = send(lengthy, SHORT.format(arguments=f"({token_hex(8)!r}, 0)"))
    wait_until(lambda: result(lengthy, other), 20, lambda: f"the next task: {state(lengthy, other)}")


@pytest.mark.parametrize("sending", [SHORT, LONG], ids=["short", "long"])
def test_a_task_that_is_revoked_while_it_runs_is_a_dead_letter(
    lengthy: Stack, begin: Callable[..., str], sending: str
) -> None:
    task = begin(sending, FOR_LONG, "worker")
    revoke = f"from lengthy.worker import app; app.control.revoke({task!r}, terminate=True, signal='SIGKILL')"
    lengthy.execute("worker", "python", "-c", revoke)
    wait_until(lambda: state(lengthy, task) == "dead", 20, lambda: f"a dead letter: {state(lengthy, task)}")
