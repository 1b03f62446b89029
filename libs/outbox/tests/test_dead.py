from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from landfast_outbox import dead, store
from landfast_outbox.databases import connect
from landfast_outbox.store import census
from landfast_outbox.task import NewTask

if TYPE_CHECKING:
    from collections.abc import Callable

    from landfast_runtime.connections import Postgres
    from psycopg import Connection

ERROR = "Traceback (most recent call last):\n  File x.py\nValueError: no such boat"


@pytest.fixture
def run(postgres: Postgres, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs the command, and returns its status and what it printed."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = dead.main(["dead", *arguments], lambda: connect(postgres, "test"))
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def bury(connection: Connection[Any]) -> Callable[..., UUID]:
    """Return a function that leaves a dead letter and returns its id."""

    def bury(name: str = "tasks.mail.send", error: str = ERROR) -> UUID:
        identifier = uuid4()
        with connection.cursor() as cursor:
            store.insert(cursor, [NewTask(id=identifier, name=name, queue="tasks", body='[[4], {"z": "ö"}, {}]')])
        store.bury(connection, identifier, error)
        return identifier

    return bury


def pending(connection: Connection[Any]) -> set[UUID]:
    return {row[0] for row in connection.execute("SELECT id FROM outbox.task WHERE dead_at IS NULL")}


def test_it_lists_dead_letters_the_oldest_first(run: Callable[..., Any], bury: Callable[..., UUID]) -> None:
    ids = [bury(), bury("tasks.pictures.make", "OSError: no room")]
    for arguments in ([], ["list"]):
        status, out, _ = run(*arguments)
        head, *rows, total = out.splitlines()
        assert status == 0
        assert head.split() == ["ID", "DEAD", "SINCE", "NAME", "QUEUE", "RETRIES", "DEATHS", "ERROR"]
        assert [row.split()[0] for row in rows] == [str(each) for each in ids]
        assert rows[0].endswith("ValueError: no such boat")
        assert [row.index("tasks.") for row in rows] == [head.index("NAME")] * 2
        assert total == "2 shown, 2 dead letters in all"


def test_it_lists_those_that_fit(run: Callable[..., Any], bury: Callable[..., UUID]) -> None:
    ids = [bury(), bury("tasks.pictures.make"), bury(error="OSError: no room")]
    assert run("list", "--name", "pictures")[1].count(str(ids[1])) == 1
    assert run("list", "--error", "no room")[1].endswith("1 shown, 3 dead letters in all\n")
    assert run("list", "--limit", "2")[1].endswith("2 shown, 3 dead letters in all\n")


def test_it_shows_one_with_arguments_and_traceback(run: Callable[..., Any], bury: Callable[..., UUID]) -> None:
    status, out, _ = run("show", str(bury()))
    assert status == 0
    assert '[[4], {"z": "ö"}, {}]' in out
    assert out.endswith(f"{ERROR}\n")


def test_it_redrives_those_named(
    run: Callable[..., Any], bury: Callable[..., UUID], connection: Connection[Any]
) -> None:
    first, second, third = bury(), bury(), bury()
    assert run("redrive", str(first), str(third))[:2] == (0, "2 re-driven\n")
    assert pending(connection) == {first, third}
    assert census.counts(connection).dead == 1
    assert run("show", str(second))[0] == 0


def test_it_says_which_it_could_not_redrive(run: Callable[..., Any], bury: Callable[..., UUID]) -> None:
    status, out, problem = run("redrive", str(bury()), str(uuid4()))
    assert (status, out, problem) == (1, "1 re-driven\n", "1 of those named are no dead letters\n")
    assert run("show", str(uuid4()))[0] == 1


def test_it_redrives_by_filter(
    run: Callable[..., Any],
    bury: Callable[..., UUID],
    connection: Connection[Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dead, "BATCH", 2)
    wanted = {bury(error="OSError: no room") for _ in range(5)}
    bury()
    bury("tasks.pictures.make", "OSError: no room")
    assert run("redrive", "--name", "mail", "--error", "no room")[:2] == (0, "5 re-driven\n")
    assert pending(connection) == wanted
    assert run("redrive", "--error", "nothing like it")[:2] == (1, "0 re-driven\n")


def test_it_redrives_everything_only_when_told_to(
    run: Callable[..., Any], bury: Callable[..., UUID], connection: Connection[Any]
) -> None:
    ids = {bury(), bury()}
    with pytest.raises(SystemExit) as refused:
        run("redrive")
    assert refused.value.code == 2
    assert pending(connection) == set()
    assert run("redrive", "--all")[:2] == (0, "2 re-driven\n")
    assert pending(connection) == ids


@pytest.mark.parametrize(
    "arguments", [["redrive", "no-id"], ["redrive", str(uuid4()), "--all"], ["list", "--limit", "0"], ["bury"]]
)
def test_it_refuses_what_it_does_not_know(run: Callable[..., Any], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        run(*arguments)
    assert refused.value.code == 2


def test_it_says_that_the_database_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> Connection[Any]:
        raise psycopg.OperationalError("connection refused")

    assert dead.main(["dead", "list"], fail) == 69
    assert capsys.readouterr().err == "the database does not answer: connection refused\n"


def test_it_deletes_what_is_named_or_fits_and_nothing_else(
    run: Callable[..., Any], bury: Callable[..., UUID], connection: Connection[Any]
) -> None:
    named, fitting, other = bury(), bury("tasks.pictures.make"), bury()
    alive = bury()
    store.redrive(connection, [alive])

    assert run("delete", str(named), str(alive))[:2] == (1, "1 deleted\n")
    assert run("delete", "--name", "pictures")[:2] == (0, "1 deleted\n")
    left = {row[0] for row in connection.execute("SELECT id FROM outbox.task")}
    assert left == {other, alive}
    assert fitting not in left
    with pytest.raises(SystemExit):
        run("delete")
