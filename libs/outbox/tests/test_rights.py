"""Rights follow the contracts: each role may do what its part needs, whatever it could do before, and no more."""

from __future__ import annotations

import uuid
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from landfast_outbox import schema, store
from landfast_outbox.rights import FILE, differences, follow, parts_from_env, wanted
from landfast_outbox.store import census, lanes, setbacks
from landfast_outbox.store.rights import Right, held
from landfast_outbox.task import NewTask
from landfast_runtime.env import ConfigError, Env
from landfast_testing.postgres import server
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from psycopg import Connection

DATABASE, OWNER = "rights", "outbox_owner"
#: The roles that migrations name, which granted each of them its rights once; and others.
FORMER = ("web", "api", "worker", "relay")
OTHERS = ("shop", "clerk", "stranger")

PARTS = {"writers": ["shop"], "workers": ["worker"], "operators": ["clerk"], "relays": ["relay"]}
ROLES = {**{part: role for part, [role] in PARTS.items()}, "none": "stranger"}

#: A task that there is not: rights are asked for first.
NOBODY = uuid.UUID(int=0)
NO_TIME = timedelta(0)


@contextmanager
def schema_of(*roles: str) -> Iterator[Connection[Any]]:
    """Make a database with an empty schema and some roles, and hand out its owner's connection."""
    with psycopg.connect(server().make_database(DATABASE), autocommit=True) as connection:
        for role in (OWNER, *roles):
            connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))
        connection.execute(sql.SQL("CREATE SCHEMA outbox AUTHORIZATION {}").format(sql.Identifier(OWNER)))
    try:
        with psycopg.connect(server().dsn(DATABASE), options=f"-c role={OWNER}", autocommit=True) as connection:
            yield connection
    finally:
        server().make_database(DATABASE)
        with psycopg.connect(server().dsn(), autocommit=True) as connection:
            for role in (OWNER, *roles):
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))


def migrate() -> None:
    """Run the migrations as the schema's owner."""
    engine = create_engine(server().url(DATABASE), connect_args={"options": f"-c role={OWNER}"}, poolclass=NullPool)
    schema.upgrade(engine)


@pytest.fixture
def old() -> Iterator[Connection[Any]]:
    """A database whose migrations found the roles that they name."""
    with schema_of(*FORMER, *OTHERS) as connection:
        migrate()
        yield connection


@pytest.fixture(scope="module")
def granted() -> Iterator[Connection[Any]]:
    """A database in which each part has a role."""
    with schema_of(*FORMER, *OTHERS) as connection:
        migrate()
        follow(connection, PARTS)
        yield connection


def write(connection: Connection[Any], number: int = 1) -> None:
    tasks = [NewTask(id=uuid.uuid4(), name="tests.add", queue="tasks", body="[]") for _ in range(number)]
    with connection.cursor() as cursor:
        store.insert(cursor, tasks)


def retry(connection: Connection[Any]) -> None:
    store.retry(connection, NOBODY, NewTask(id=NOBODY, name="", queue="", body="[]"), NO_TIME, "")


def take(connection: Connection[Any]) -> None:
    store.take(connection, 1, [])


#: Statements by name, each as somebody runs it.
STATEMENTS: dict[str, Callable[[Connection[Any]], object]] = {
    "write": write,
    "write many": lambda connection: write(connection, store.COPY_FROM),
    "count": census.counts,
    "count errors": census.retried,
    "find lanes that stand": lanes.standing,
    "find dead": lambda connection: store.find_dead(connection, {}, 1),
    "read dead": lambda connection: store.read_dead(connection, [NOBODY]),
    "redrive": lambda connection: store.redrive(connection, [NOBODY]),
    "discard": lambda connection: store.discard(connection, [NOBODY], ""),
    "delete dead": lambda connection: store.delete_dead(connection, [NOBODY]),
    "claim": lambda connection: store.claim(connection, NOBODY),
    "complete": lambda connection: store.complete(connection, NOBODY),
    "retry": retry,
    "bury": lambda connection: store.bury(connection, NOBODY, ""),
    "count a death": lambda connection: store.count_death(connection, NOBODY),
    "put off": lambda connection: setbacks.put_off(connection, NOBODY, setbacks.UNKNOWN, ""),
    "mark": lambda connection: setbacks.mark_uncertain(connection, NOBODY),
    "take": take,
    "lead": store.lead_ordered_queues,
    "give back": lambda connection: store.give_back(connection, [NOBODY]),
    "find what is due": store.next_due,
    "find what is overdue": lambda connection: store.overdue(connection, NO_TIME),
    "sweep": lambda connection: store.sweep(connection, "tasks", NO_TIME, 1),
    "purge": lambda connection: store.purge(connection, NO_TIME, 1),
    "purge dead": lambda connection: store.purge_dead(connection, NO_TIME, 1),
}
LOOK = ("count", "count errors", "find lanes that stand", "find dead", "read dead")
NEEDED = {
    "writers": ("write", "write many", *LOOK),
    "workers": (
        *("write", "write many", *LOOK, "claim", "complete", "retry", "bury", "count a death", "put off", "mark"),
    ),
    "operators": (*LOOK, "redrive", "discard"),
    "relays": (
        *(*LOOK, "take", "lead", "give back", "find what is due", "find what is overdue", "sweep", "bury"),
        *("purge", "purge dead", "redrive", "delete dead"),
    ),
}
REFUSED = {
    "writers": ("redrive", "discard", "delete dead", "claim", "complete", "bury", "mark", "take", "purge"),
    "workers": ("delete dead", "purge"),
    "operators": ("write", "write many", "complete", "mark", "put off", "delete dead", "purge"),
    "relays": ("write", "write many", "mark", "put off"),
    "none": (*LOOK, "write", "claim", "redrive"),
}


def run(connection: Connection[Any], part: str, statement: str) -> None:
    """Run a statement as the role that has a part, and undo it."""
    as_role = f"-c role={ROLES[part]}"
    with (
        psycopg.connect(connection.info.dsn, options=as_role, autocommit=True) as own,
        own.transaction(force_rollback=True),
    ):
        STATEMENTS[statement](own)


@pytest.mark.parametrize(("part", "statement"), [(part, each) for part, names in NEEDED.items() for each in names])
def test_each_part_may_do_what_it_needs(granted: Connection[Any], part: str, statement: str) -> None:
    run(granted, part, statement)


@pytest.mark.parametrize(("part", "statement"), [(part, each) for part, names in REFUSED.items() for each in names])
def test_no_part_may_do_more(granted: Connection[Any], part: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(granted, part, statement)


def test_a_database_with_former_rights_and_an_empty_one_end_in_the_same(old: Connection[Any]) -> None:
    parts = {"writers": ["shop"], "operators": ["clerk"], "relays": ["relay"]}
    assert {right.role for right in held(old)} == set(FORMER)

    follow(old, parts)

    assert held(old) == wanted(parts)
    old.close()
    with schema_of("shop", "clerk", "relay") as empty:
        migrate()
        follow(empty, parts)
        assert held(empty) == wanted(parts)


def test_a_second_run_changes_nothing(old: Connection[Any]) -> None:
    assert follow(old, PARTS)
    assert follow(old, PARTS) == []


def test_a_role_that_only_looks_after_tasks_any_more_keeps_what_it_needs_for_that(old: Connection[Any]) -> None:
    """PostgreSQL takes a column's right along with the table's."""
    follow(old, {"workers": ["shop"], "operators": ["shop"]})

    [changed] = follow(old, {"operators": ["shop"]})

    assert changed.startswith("rights of shop: loses ")
    assert changed.endswith(", UPDATE on outbox.task")
    assert held(old) == wanted({"operators": ["shop"]})


def test_what_was_granted_by_hand_is_taken_back(old: Connection[Any]) -> None:
    follow(old, PARTS)
    old.execute("GRANT USAGE ON SCHEMA outbox TO PUBLIC")
    old.execute("GRANT SELECT (error) ON outbox.task TO stranger")

    assert follow(old, PARTS) == [
        "rights of PUBLIC: loses USAGE on outbox",
        "rights of stranger: loses SELECT of error on outbox.task",
    ]
    assert held(old) == wanted(PARTS)


def test_it_names_a_role_that_there_is_not_and_changes_nothing(old: Connection[Any]) -> None:
    before = held(old)

    with pytest.raises(ValueError, match="PostgreSQL has no role nobody, which a contract names") as refused:
        follow(old, {"writers": ["shop", "nobody"]})

    assert "--force-recreate postgres" in str(refused.value)
    assert held(old) == before


def test_it_tells_what_it_would_change(old: Connection[Any]) -> None:
    follow(old, {"writers": ["shop"]})
    before = held(old)

    assert differences(old, {"writers": ["clerk"]}) == [
        "rights of clerk: gets INSERT on outbox.task, SELECT on outbox.task, USAGE on outbox",
        "rights of shop: loses INSERT on outbox.task, SELECT on outbox.task, USAGE on outbox",
    ]
    assert held(old) == before


def test_without_tables_all_rights_are_due() -> None:
    with schema_of("shop") as empty:
        assert held(empty) == set()
        assert len(differences(empty, {"writers": ["shop"]})) == 1


def test_a_role_that_has_two_parts_has_the_rights_of_both() -> None:
    both = wanted({"writers": ["shop"], "operators": ["shop"]})

    assert both == wanted({"writers": ["shop"]}) | wanted({"operators": ["shop"]})
    assert Right("shop", "USAGE") in both


def test_it_reads_who_does_what(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text('{"writers": ["shop"], "relays": []}')

    assert parts_from_env(Env({"SECRETS_DIR": str(tmp_path)})) == {"writers": ["shop"], "relays": []}


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"writer": []}', '{"writers": "shop"}', '{"writers": [5]}', '{"writers": null}']
)
def test_a_file_of_another_shape_is_refused_by_name(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)

    with pytest.raises(ConfigError, match=r"durable_tasks\.json: must be JSON with lists of roles by writers, workers"):
        parts_from_env(Env({"SECRETS_DIR": str(tmp_path)}))
