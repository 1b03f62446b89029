"""Attacks of one application's role on the tasks of another, in the database that they share."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from landfast_outbox import store
from landfast_outbox.rights import Roles, follow
from landfast_outbox.store import setbacks
from landfast_outbox.task import NewTask
from psycopg import sql
from psycopg.errors import FeatureNotSupported, InsufficientPrivilege

from tests.roles import migrate, schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

#: Two applications, of which one may send tasks to the shared workers.
ROLES = Roles(
    {"writers": ["web", "api"], "workers": ["web", "api", "worker"], "operators": ["clerk"], "relays": ["relay"]},
    {
        "web": {"run": ["web", "web.mail"], "write": ["web", "web.mail"]},
        "api": {"run": ["api"], "write": ["api", "tasks"]},
        "worker": {"run": ["tasks"], "write": ["tasks"]},
        "clerk": {"run": ["*"]},
        "relay": {"run": ["*"]},
    },
)
NOW = timedelta(0)
TABLES = ("task", "stored_task")


@pytest.fixture(scope="module")
def shared() -> Iterator[Connection[Any]]:
    """A database that applications share; the connection is its owner's."""
    with schema_of("web", "api", "worker", "clerk", "relay") as connection:
        migrate()
        follow(connection, ROLES)
        yield connection


@contextmanager
def session(shared: Connection[Any], role: str) -> Iterator[Connection[Any]]:
    """Open a role's own session."""
    with psycopg.connect(shared.info.dsn, options=f"-c role={role}", autocommit=True) as own:
        yield own


@pytest.fixture
def web(shared: Connection[Any]) -> Iterator[Connection[Any]]:
    """The attacker."""
    with session(shared, "web") as own:
        yield own


@pytest.fixture
def api(shared: Connection[Any]) -> Iterator[Connection[Any]]:
    """The victim."""
    with session(shared, "api") as own:
        yield own


@pytest.fixture
def relay(shared: Connection[Any]) -> Iterator[Connection[Any]]:
    with session(shared, "relay") as own:
        yield own
        own.execute("DELETE FROM outbox.task")


def new(queue: str) -> NewTask:
    return NewTask(id=uuid.uuid4(), name="reports.run", queue=queue, body='[["secret"], {}, {}]')


def write(connection: Connection[Any], *tasks: NewTask) -> uuid.UUID:
    """Write tasks, and return the first one's id."""
    with connection.transaction(), connection.cursor() as cursor:
        store.insert(cursor, tasks)
    return tasks[0].id


@pytest.fixture
def foreign(api: Connection[Any], relay: Connection[Any]) -> uuid.UUID:
    """A task of the victim, in flight."""
    written = write(api, new("api"))
    store.take(relay, 1, [])
    return written


def row(shared: Connection[Any], identifier: uuid.UUID) -> tuple[Any, ...] | None:
    return shared.execute("SELECT stored_task, xmax FROM outbox.stored_task WHERE id = %s", (identifier,)).fetchone()


@pytest.mark.parametrize("table", TABLES)
def test_it_does_not_see_the_tasks_of_others(web: Connection[Any], foreign: uuid.UUID, table: str) -> None:
    own = write(web, new("web.mail"))
    rows = web.execute(sql.SQL("SELECT id FROM {}").format(sql.Identifier("outbox", table)))

    assert [identifier for (identifier,) in rows] == [own]
    assert own != foreign


@pytest.mark.usefixtures("foreign")
def test_a_function_of_its_own_does_not_get_their_bodies(web: Connection[Any]) -> None:
    seen: list[str] = []
    web.add_notice_handler(lambda notice: seen.append(str(notice.message_primary)))
    web.execute("""
        CREATE FUNCTION pg_temp.leak(body text) RETURNS boolean LANGUAGE plpgsql COST 0.0001 AS
        $$ BEGIN RAISE NOTICE '%', body; RETURN true; END $$
    """)

    assert web.execute("SELECT id FROM outbox.stored_task WHERE pg_temp.leak(body)").fetchall() == []
    assert seen == []


def put_off(connection: Connection[Any], identifier: uuid.UUID) -> object:
    return setbacks.put_off(connection, identifier, setbacks.UNKNOWN, "")


#: What a worker does with a task; each says whether it did.
ON_A_TASK: dict[str, Callable[[Connection[Any], uuid.UUID], object]] = {
    "run": lambda connection, identifier: store.claim(connection, identifier).granted,
    "complete": lambda connection, identifier: store.complete(connection, identifier, "1"),
    "retry": lambda connection, identifier: store.retry(connection, identifier, new("api"), NOW, ""),
    "bury": lambda connection, identifier: store.bury(connection, identifier, "gone"),
    "count a death": store.count_death,
    "put off": put_off,
    "lock": lambda connection, identifier: connection.execute(
        "SELECT id FROM outbox.stored_task WHERE id = %s FOR UPDATE", (identifier,)
    ).fetchone(),
}


@pytest.mark.parametrize("attack", list(ON_A_TASK))
def test_it_does_nothing_to_a_task_of_others(
    web: Connection[Any], shared: Connection[Any], foreign: uuid.UUID, attack: str
) -> None:
    before = row(shared, foreign)

    assert not ON_A_TASK[attack](web, foreign)
    assert row(shared, foreign) == before


def test_it_cannot_mark_a_task_of_others(web: Connection[Any], foreign: uuid.UUID) -> None:
    with pytest.raises(InsufficientPrivilege):
        setbacks.mark_uncertain(web, foreign)


def test_it_neither_sees_nor_removes_the_setbacks_of_others(
    web: Connection[Any], api: Connection[Any], shared: Connection[Any], foreign: uuid.UUID
) -> None:
    setbacks.mark_uncertain(api, foreign)

    assert web.execute("SELECT task_id FROM outbox.setback").fetchall() == []
    assert web.execute("DELETE FROM outbox.setback").rowcount == 0
    assert shared.execute("SELECT task_id FROM outbox.setback").fetchall() == [(foreign,)]


def copied(connection: Connection[Any], table: str) -> None:
    """Write a forged task as releases before this one write many."""
    columns = "(id, name, engine, queue, headers, properties, body, ordered)"
    with connection.cursor() as cursor, cursor.copy(f"COPY outbox.{table} {columns} FROM STDIN".encode()) as copy:
        copy.write_row((str(uuid.uuid4()), "reports.run", "celery", "api", "{}", "{}", "[]", False))


FORGED = "INSERT INTO outbox.{} (id, name, engine, queue, headers, properties, body, ordered"
VALUES = "VALUES (gen_random_uuid(), 'reports.run', 'celery', '{}', '{{}}', '{{}}', '[]', false"


@pytest.mark.parametrize("queue", ["api", "tasks", "celery@0b8f.celery.pidbox", "probe.0b8f", ""])
@pytest.mark.parametrize("number", [1, 2])
def test_it_cannot_write_tasks_for_queues_of_others(web: Connection[Any], queue: str, number: int) -> None:
    with pytest.raises(InsufficientPrivilege, match=f"role web may not write tasks for queue {queue}") as refused:
        write(web, *[new(queue)] * number)
    assert "durable_tasks.sends" in str(refused.value.diag.message_hint)


@pytest.mark.parametrize("table", TABLES)
def test_nor_by_statements_of_its_own(web: Connection[Any], table: str) -> None:
    with pytest.raises(InsufficientPrivilege):
        web.execute(f"{FORGED.format(table)}) {VALUES.format('api')})".encode())
    with pytest.raises((InsufficientPrivilege, FeatureNotSupported)):
        copied(web, table)


def test_it_cannot_write_in_the_name_of_others(web: Connection[Any]) -> None:
    with pytest.raises(InsufficientPrivilege):
        web.execute(f"{FORGED.format('stored_task')}, writer) {VALUES.format('web')}, 'api')".encode())


@pytest.mark.parametrize(
    "statement",
    [
        *(f"LOCK TABLE outbox.{table} IN {mode} MODE" for table in TABLES for mode in ("ACCESS EXCLUSIVE", "SHARE")),
        "UPDATE outbox.task SET queue = 'api'",
        "UPDATE outbox.stored_task SET queue = 'api'",
        "UPDATE outbox.stored_task SET name = 'api'",
        "UPDATE outbox.stored_task SET writer = 'api'",
        "DELETE FROM outbox.task",
        "DELETE FROM outbox.stored_task",
        *(f"TRUNCATE outbox.{table}" for table in ("stored_task", "setback", "access")),
        "INSERT INTO outbox.access VALUES ('web', 'run', '*')",
        "UPDATE outbox.access SET queue = '*'",
        "DELETE FROM outbox.access",
        "ALTER TABLE outbox.stored_task DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE outbox.stored_task DISABLE TRIGGER ALL",
        "CREATE POLICY all_of_it ON outbox.stored_task USING (true)",
        "CREATE TABLE outbox.mine ()",
        "DROP VIEW outbox.task",
        "SET row_security = off; SELECT * FROM outbox.stored_task",
        "SELECT * FROM outbox.migration",
    ],
)
def test_it_cannot_open_the_wall(web: Connection[Any], statement: str) -> None:
    with pytest.raises(InsufficientPrivilege), web.transaction():
        web.execute(statement.encode())


def test_who_sends_a_task_to_another_application_sees_its_outcome_and_cannot_change_it(
    api: Connection[Any], web: Connection[Any], shared: Connection[Any], relay: Connection[Any]
) -> None:
    sent = write(api, new("tasks"))
    store.take(relay, 1, [])
    before = row(shared, sent)

    assert not store.complete(api, sent, "5")
    assert row(shared, sent) == before
    with session(shared, "worker") as worker, worker.transaction():
        assert store.claim(worker, sent).granted
        assert store.complete(worker, sent, "8")
    read = "SELECT result FROM outbox.task WHERE id = %s"
    assert api.execute(read, (sent,)).fetchone() == ("8",)
    assert web.execute(read, (sent,)).fetchone() is None


def test_the_house_sees_the_tasks_of_all(
    shared: Connection[Any], api: Connection[Any], web: Connection[Any], relay: Connection[Any]
) -> None:
    written = {write(api, new("api")), write(web, new("web"))}
    assert {message.id for message in store.take(relay, 10, [])} == written
    with session(shared, "clerk") as clerk:
        assert set(store.discard(clerk, list(written), "given up")) == written
        assert store.redrive(clerk, list(written)) == len(written)
