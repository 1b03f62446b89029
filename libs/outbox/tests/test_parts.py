"""Each part may run its own statements, and none of the others'."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from landfast_outbox import store
from landfast_outbox.rights import follow
from landfast_outbox.store import census, lanes, setbacks
from landfast_outbox.task import NewTask

from tests.roles import FORMER, OTHERS, PARTS, ROLES, migrate, schema_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from psycopg import Connection

ROLE_OF = {**{part: role for part, [role] in PARTS.items()}, "none": "stranger"}

#: The id of no task: rights are checked first.
NOBODY = uuid.UUID(int=0)
NO_TIME = timedelta(0)


@pytest.fixture(scope="module")
def granted() -> Iterator[Connection[Any]]:
    """A database in which each part has a role."""
    with schema_of(*FORMER, *OTHERS) as connection:
        migrate()
        follow(connection, ROLES)
        yield connection


def write(connection: Connection[Any], number: int = 1) -> uuid.UUID:
    """Write tasks, and return the first one's id."""
    tasks = [NewTask(id=uuid.uuid4(), name="tests.add", queue="tasks", body="[]") for _ in range(number)]
    with connection.cursor() as cursor:
        store.insert(cursor, tasks)
    return tasks[0].id


def mark(connection: Connection[Any]) -> None:
    setbacks.mark_uncertain(connection, write(connection))


def retry(connection: Connection[Any]) -> None:
    store.retry(connection, NOBODY, NewTask(id=NOBODY, name="", queue="", body="[]"), NO_TIME, "")


def take(connection: Connection[Any]) -> None:
    store.take(connection, 1, [])


#: Statements by name, each as a service runs it.
STATEMENTS: dict[str, Callable[[Connection[Any]], object]] = {
    "write": write,
    "write many": lambda connection: write(connection, store.AT_ONCE + 1),
    "count": census.counts,
    "count errors": census.retried,
    "find due queues": lambda connection: census.due(connection, 0),
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
    "mark": mark,
    "take": take,
    "lead": store.lead_ordered_queues,
    "give back": lambda connection: store.give_back(connection, [NOBODY]),
    "find what is due": store.next_due,
    "find what is overdue": lambda connection: store.overdue(connection, NO_TIME),
    "sweep": lambda connection: store.sweep(connection, "tasks", NO_TIME, 1),
    "purge": lambda connection: store.purge(connection, NO_TIME, 1),
    "purge dead": lambda connection: store.purge_dead(connection, NO_TIME, 1),
}
LOOK = ("count", "count errors", "find due queues", "find lanes that stand", "find dead", "read dead")
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
    """Run a statement as the role of a part, and roll it back."""
    as_role = f"-c role={ROLE_OF[part]}"
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
