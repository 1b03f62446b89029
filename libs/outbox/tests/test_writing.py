"""The transaction that a task is written in."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from django.db import OperationalError as DjangoOperationalError
from landfast_outbox import writing
from landfast_outbox.celery import enqueue_many
from landfast_outbox.store import AT_ONCE
from landfast_outbox.task import PayloadError
from landfast_testing.waiting import DEADLINE
from psycopg import OperationalError
from psycopg.errors import UniqueViolation
from sqlalchemy import text

from tests.app import add, note

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from landfast_testing.outbox import Outbox
    from psycopg import Connection
    from sqlalchemy import Engine
    from sqlalchemy.orm import Session, sessionmaker

    Sessions = sessionmaker[Session]

FEW, MANY = AT_ONCE, AT_ONCE + 1


class UndoneError(Exception):
    """Rolls a transaction back."""


def calls(number: int) -> list[tuple[tuple[int, int], dict[str, int]]]:
    return [((each, 1), {}) for each in range(number)]


def arguments(outbox: Outbox) -> list[Any]:
    return [task.arguments[0] for task in outbox.tasks]


def test_a_session_s_task_is_committed_with_it(sessions: Sessions, outbox: Outbox) -> None:
    with sessions.begin() as session:
        session.execute(text("INSERT INTO effect VALUES ('one')"))
        add.delay(1, 1)
        assert arguments(outbox) == []

    assert arguments(outbox) == [1]


def test_a_session_s_task_is_rolled_back_with_it(sessions: Sessions, outbox: Outbox) -> None:
    def send() -> None:
        with sessions.begin():
            add.delay(1, 1)
            enqueue_many(add, calls(MANY))
            raise UndoneError

    with pytest.raises(UndoneError):
        send()
    assert arguments(outbox) == []


def test_a_part_of_a_session_s_transaction_takes_its_tasks_along(sessions: Sessions, outbox: Outbox) -> None:
    with sessions.begin() as session:
        add.delay(1, 1)
        part = session.begin_nested()
        add.delay(2, 1)
        part.rollback()
        with session.begin_nested():
            add.delay(3, 1)

    assert arguments(outbox) == [1, 3]


def test_the_innermost_session_is_the_one(sessions: Sessions, outbox: Outbox) -> None:
    with sessions.begin() as outer:
        add.delay(1, 1)
        with sessions.begin():
            add.delay(2, 1)
        add.delay(3, 1)
        outer.rollback()

    assert arguments(outbox) == [2]


def test_a_session_that_was_ended_elsewhere_is_not_written_into(sessions: Sessions, outbox: Outbox) -> None:
    session = sessions()
    session.begin()
    thread = threading.Thread(target=session.close)
    thread.start()
    thread.join()

    add.delay(1, 1)

    assert arguments(outbox) == [1]


def test_a_session_that_failed_takes_no_tasks(sessions: Sessions, outbox: Outbox) -> None:
    with sessions() as session:
        session.begin()
        with pytest.raises(Exception, match="missing"):
            session.execute(text("SELECT missing"))
        with pytest.raises(Exception, match="aborted"):
            add.delay(1, 1)

    assert arguments(outbox) == []


def test_a_connection_s_task_belongs_to_its_transaction(
    sessions: Sessions,  # noqa: ARG001 - sets SQLAlchemy up
    engine: Engine,
    outbox: Outbox,
) -> None:
    with engine.connect() as connection:
        transaction = connection.begin()
        add.delay(1, 1)
        transaction.rollback()
        with connection.begin():
            add.delay(2, 1)
            assert arguments(outbox) == []

    assert arguments(outbox) == [2]


def test_a_task_without_any_transaction_is_one_of_its_own(sessions: Sessions, outbox: Outbox) -> None:
    with sessions.begin():
        pass
    add.delay(1, 1)
    note.delay("ordered")

    assert arguments(outbox) == [1, "ordered"]


def test_a_task_of_its_own_leaves_the_connection_as_it_was(sessions: Sessions, engine: Engine, outbox: Outbox) -> None:
    task = add.delay(1, 1)
    with pytest.raises(UniqueViolation):
        add.apply_async((2, 1), task_id=task.id)
    for _ in range(2):  # with the connection that was used before
        session = sessions()
        session.execute(text("INSERT INTO effect VALUES ('undone')"))
        session.rollback()
        session.close()
        add.delay(3, 1)

    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM effect")) == 0
    assert arguments(outbox) == [1, 3, 3]


def end_session(connection: Connection[Any], process: object) -> None:
    """Let the server end a session by its process id, and wait until it has."""
    connection.execute("SELECT pg_terminate_backend(%s, 10000)", (process,))


def test_a_task_of_its_own_is_written_although_the_server_ended_the_session(
    sessions: Sessions, connection: Connection[Any], outbox: Outbox
) -> None:
    with sessions.begin() as session:
        process = session.scalar(text("SELECT pg_backend_pid()"))
    end_session(connection, process)

    add.delay(1, 1)

    assert arguments(outbox) == [1]


def test_a_task_is_lost_with_the_session_of_the_transaction_that_it_belongs_to(
    sessions: Sessions, connection: Connection[Any], outbox: Outbox
) -> None:
    with sessions() as session:
        end_session(connection, session.scalar(text("SELECT pg_backend_pid()")))
        with pytest.raises(OperationalError):
            add.delay(1, 1)
        session.invalidate()

    assert arguments(outbox) == []


def django_session(django_connection: BaseDatabaseWrapper) -> object:
    with django_connection.cursor() as cursor:
        return cursor.execute("SELECT pg_backend_pid()").fetchone()[0]


def test_django_s_task_of_its_own_is_written_although_the_server_ended_the_session_of_its_pool(
    django_connection: BaseDatabaseWrapper,
    connection: Connection[Any],
    outbox: Outbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(django_connection.settings_dict, "OPTIONS", {"pool": {"min_size": 1}})
    django_connection.close()
    end_session(connection, django_session(django_connection))

    add.delay(1, 1)

    assert arguments(outbox) == [1]
    django_connection.close()
    django_connection.close_pool()  # type: ignore[attr-defined] # only PostgreSQL's have one


def test_django_s_task_of_its_own_fails_with_a_session_that_may_hold_locks(
    django_connection: BaseDatabaseWrapper, connection: Connection[Any], outbox: Outbox
) -> None:
    end_session(connection, django_session(django_connection))

    with pytest.raises(DjangoOperationalError):
        add.delay(1, 1)
    assert arguments(outbox) == []


def test_another_thread_is_another_transaction(sessions: Sessions, outbox: Outbox) -> None:
    with sessions.begin() as session:
        thread = threading.Thread(target=add.delay, args=(1, 1))
        thread.start()
        thread.join()
        session.rollback()

    assert arguments(outbox) == [1]


def test_django_s_task_is_committed_or_rolled_back_with_its_block(
    django_connection: BaseDatabaseWrapper, outbox: Outbox
) -> None:
    from django.db import transaction  # noqa: PLC0415 - the settings must be there first

    def send(number: int) -> None:
        with transaction.atomic():
            add.delay(number, 1)
            enqueue_many(add, calls(MANY))
            raise UndoneError

    with pytest.raises(UndoneError):
        send(1)
    with transaction.atomic():
        with pytest.raises(UndoneError):
            send(2)
        add.delay(3, 1)
        assert arguments(outbox) == []

    assert arguments(outbox) == [3]
    assert django_connection.connection is not None


@pytest.mark.usefixtures("django_connection")
def test_django_s_task_without_a_block_is_a_transaction_of_its_own(outbox: Outbox) -> None:
    add.delay(1, 1)
    note.delay("ordered")
    enqueue_many(add, calls(2))
    enqueue_many(add, calls(MANY))

    assert arguments(outbox) == [1, "ordered", 0, 1, *range(MANY)]


@pytest.mark.usefixtures("django_connection")
def test_django_s_delays_and_text_are_stored_like_the_others(connection: Connection[Any], outbox: Outbox) -> None:
    add.apply_async(("é\0", 1), countdown=60)

    row = connection.execute("SELECT due_at > now() + interval '50 seconds' FROM outbox.task").fetchone()
    assert row == (True,)
    assert outbox.tasks[0].arguments == ["é\0", 1]


def test_a_process_that_named_no_database_says_so() -> None:
    with pytest.raises(writing.NotSetUpError, match=r"use_django or .*use_sqlalchemy"):
        add.delay(1, 1)


@pytest.mark.parametrize("number", [0, 1, 2, FEW, MANY, 3 * MANY])
def test_many_tasks_are_written_in_their_order(sessions: Sessions, outbox: Outbox, number: int) -> None:
    with sessions.begin():
        ids = enqueue_many(add, calls(number))
        assert outbox.tasks == []

    assert [task.id for task in outbox.tasks] == ids
    assert arguments(outbox) == list(range(number))
    assert len(set(ids)) == number


@pytest.mark.usefixtures("sessions")
@pytest.mark.parametrize("number", [FEW, MANY])
def test_many_tasks_are_written_all_or_none(outbox: Outbox, number: int) -> None:
    with pytest.raises(PayloadError):
        enqueue_many(add, [*calls(number), ((object(), 1), {})])

    assert outbox.tasks == []


@pytest.mark.usefixtures("sessions")
def test_however_many_there_are_their_rows_are_the_same(connection: Connection[Any]) -> None:
    began = time.monotonic()
    for number in (1, FEW, MANY):
        enqueue_many(add, calls(number))
    add.delay(0, 1)
    took = time.monotonic() - began

    rows = connection.execute(
        """
        SELECT DISTINCT name, engine, queue, ordered, publications, retries, deaths, published_at, completed_at,
            abs(extract(epoch FROM due_at - created_at)) <= %s,
            headers - 'id' - 'root_id' - 'argsrepr', properties - 'correlation_id',
            headers ->> 'id' = id::text AND headers ->> 'root_id' = id::text
                AND properties ->> 'correlation_id' = id::text AND headers ->> 'argsrepr' LIKE '(%%, 1)'
        FROM outbox.task
        """,
        (took + 0.01,),
    ).fetchall()
    assert len(rows) == 1
    assert rows[0][-1] is True


@pytest.mark.usefixtures("sessions")
@pytest.mark.parametrize("size", [1, MANY])
def test_a_commit_wakes_who_listens(connection: Connection[Any], size: int) -> None:
    connection.execute("LISTEN outbox")

    enqueue_many(add, calls(size))

    assert len(list(connection.notifies(timeout=DEADLINE, stop_after=1))) == 1


def test_writers_of_ordered_tasks_take_turns(sessions: Sessions, outbox: Outbox) -> None:
    second = threading.Thread(target=note.delay, args=("second",))
    with sessions.begin():
        note.delay("first")
        second.start()
        second.join(0.3)
        assert second.is_alive(), "it waits for who wrote first"
    second.join()

    assert arguments(outbox) == ["first", "second"]
