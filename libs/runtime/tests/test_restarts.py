"""Threads share the wait for a database that restarts, or is away for longer."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, NoReturn

import psycopg
import pytest
from landfast_runtime.postgres.restarts import Outage, is_restart
from landfast_testing.waiting import DEADLINE
from psycopg import OperationalError

from .servers import unused_port

if TYPE_CHECKING:
    from collections.abc import Callable


def refused() -> NoReturn:
    raise OperationalError("connection failed: Connection refused")


def silent() -> NoReturn:
    raise psycopg.errors.ConnectionTimeout("connection timeout expired")


def answering(*answers: Callable[[], str]) -> Callable[[], str]:
    """Return attempts to connect with the given outcomes in turn; a further attempt fails the test."""
    following = iter(answers)

    def attempt() -> str:
        return next(following)()

    return attempt


def connected() -> str:
    return "connected"


def begun(outage: Outage) -> None:
    """Begin an outage with a failed attempt, and let it last too long for a wait."""
    with pytest.raises(OperationalError, match="refused"):
        outage.connect(refused)


@pytest.mark.parametrize(
    "words",
    [
        "connection failed: FATAL:  the database system is shutting down",
        "connection failed: FATAL:  the database system is starting up",
        "FATAL:  the database system is not yet accepting connections",
        "FATAL:  the database system is in recovery mode",
        "failed to resolve host 'postgres': [Errno -2] Name or service not known",
        'connection to server at "172.18.0.2", port 5432 failed: No route to host',
        "connection failed: server closed the connection unexpectedly",
        "could not receive data from server: Connection reset by peer",
        "FATAL:  terminating connection due to administrator command",
    ],
)
def test_it_knows_a_restart_by_its_words(words: str) -> None:
    assert is_restart(OperationalError(words))


@pytest.mark.parametrize(
    "words",
    [
        'connection failed: FATAL:  password authentication failed for user "web"',
        'FATAL:  database "landfast" does not exist',
        "FATAL:  sorry, too many clients already",
        "FATAL:  could not write init file: No space left on device",
        "connection timeout expired",
        "couldn't get a connection after 0.50 sec",
    ],
)
def test_it_takes_nothing_for_a_restart_that_waiting_does_not_mend(words: str) -> None:
    assert not is_restart(OperationalError(words))


def test_it_knows_a_port_that_nobody_listens_on_and_a_name_that_is_gone() -> None:
    with pytest.raises(OperationalError) as nobody:
        psycopg.connect(host="127.0.0.1", port=unused_port())
    with pytest.raises(OperationalError) as nowhere:
        psycopg.connect(host="postgres.invalid")

    assert is_restart(nobody.value)
    assert is_restart(nowhere.value)


def test_it_lets_every_thread_connect_while_the_database_is_there() -> None:
    outage, together = Outage(), threading.Barrier(4)

    with ThreadPoolExecutor(4) as threads:
        for done in [threads.submit(outage.connect, lambda: together.wait(DEADLINE)) for _ in range(4)]:
            done.result(DEADLINE)


def test_it_waits_for_a_database_that_restarts() -> None:
    outage = Outage(pause=0)

    assert outage.connect(answering(refused, refused, silent, connected)) == "connected"
    assert not outage.known


def test_all_wait_and_one_retries() -> None:
    outage, back, retried = Outage(DEADLINE, pause=0.001), threading.Event(), threading.Semaphore(0)
    retrying = threading.Lock()

    def connect() -> str:
        if back.is_set():
            return "connected"
        if outage.known:
            assert retrying.acquire(blocking=False), "another thread retries already"
            retried.release()
            retrying.release()
        return refused()

    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(outage.connect, connect) for _ in range(4)]
        for _ in range(20):
            assert retried.acquire(timeout=DEADLINE)
        back.set()
        assert {done.result(DEADLINE) for done in waiting} == {"connected"}


def test_it_gives_up_with_the_last_reason_when_the_database_stays_away() -> None:
    outage, began = Outage(patience=0.2, pause=0.01), time.monotonic()

    with pytest.raises(OperationalError, match="refused"):
        outage.connect(refused)
    assert time.monotonic() - began >= 0.2
    with pytest.raises(OperationalError, match="refused"):
        outage.connect(refused)


def test_who_comes_late_waits_no_longer_than_the_first() -> None:
    outage = Outage(patience=0.2, pause=0.01)
    begun(outage)

    with pytest.raises(OperationalError, match="refused"):
        outage.connect(answering(refused))


def test_it_does_not_wait_for_a_database_that_stays_silent() -> None:
    outage = Outage()

    with pytest.raises(OperationalError, match="timeout expired"):
        outage.connect(answering(silent))
    assert outage.known


def test_a_silence_that_turns_out_to_be_a_restart_is_waited_for() -> None:
    outage = Outage(pause=0)
    with pytest.raises(OperationalError, match="timeout expired"):
        outage.connect(silent)

    assert outage.connect(answering(refused, connected)) == "connected"


def test_a_silence_after_a_restart_is_waited_for_though_another_thread_is_connected_by_then() -> None:
    outage, started, back = Outage(pause=0), threading.Event(), threading.Event()

    def on_its_way() -> str:
        started.set()
        back.wait(DEADLINE)
        return "connected"

    with ThreadPoolExecutor(1) as threads:
        other = threads.submit(outage.connect, on_its_way)
        assert started.wait(DEADLINE)

        def after_the_other() -> NoReturn:
            back.set()
            other.result(DEADLINE)
            silent()

        assert outage.connect(answering(refused, after_the_other, connected)) == "connected"


def test_once_it_is_away_for_long_one_thread_retries_and_the_others_fail_at_once() -> None:
    outage, retrying, answered = Outage(patience=0), threading.Event(), threading.Event()
    begun(outage)

    def scout() -> str:
        retrying.set()
        answered.wait(DEADLINE)
        return "connected"

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(outage.connect, scout)
        assert retrying.wait(DEADLINE)
        with pytest.raises(OperationalError, match="a moment ago"):
            outage.connect(lambda: pytest.fail("two retry at once"))
        answered.set()
        assert done.result(DEADLINE) == "connected"
    assert outage.connect(connected) == "connected"


def test_it_retries_again_after_a_failed_retry() -> None:
    outage = Outage(patience=0)
    begun(outage)
    begun(outage)

    assert outage.connect(connected) == "connected"


def test_it_takes_a_fault_of_its_own_for_no_outage() -> None:
    outage = Outage()
    with pytest.raises(ZeroDivisionError):
        outage.connect(lambda: 1 / 0)

    assert not outage.known
