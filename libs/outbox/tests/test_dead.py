from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import psycopg
import pytest
from landfast_outbox import dead, store
from landfast_outbox.databases import connect
from landfast_outbox.settings import databases_from_env
from landfast_outbox.store import census
from landfast_outbox.task import NewTask
from landfast_runtime.env import Env
from landfast_testing.outbox import EMPTY, make_tables
from landfast_testing.postgres import server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from landfast_runtime.connections import Postgres
    from psycopg import Connection

ERROR = "Traceback (most recent call last):\n  File x.py\nValueError: no such boat"


@pytest.fixture
def run(postgres: Postgres, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs the command, and returns its status and its output."""

    def run(*arguments: str) -> tuple[int, str, str]:
        status = dead.main(["dead", *arguments], reached(postgres))
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


def reached(*databases: Postgres) -> dict[str, Callable[[], Connection[Any]]]:
    """Return how to connect to each database."""
    return {each.database: partial(connect, each, "test") for each in databases}


@pytest.fixture
def bury(connection: Connection[Any]) -> Callable[..., UUID]:
    """Return a function that leaves a dead letter and returns its id."""
    return partial(bury_in, connection)


def bury_in(
    connection: Connection[Any],
    name: str = "tasks.mail.send",
    error: str = ERROR,
    body: str = '[[4], {"z": "ö"}, {}]',
) -> UUID:
    identifier = uuid4()
    with connection.cursor() as cursor:
        store.insert(cursor, [NewTask(id=identifier, name=name, queue="tasks", body=body)])
    store.bury(connection, identifier, error)
    return identifier


@pytest.fixture(scope="module")
def shop(postgres: Postgres) -> Postgres:
    """A database of an application's own, with tables of tasks."""
    own = postgres.of("shop")
    server().make_database(own.database)
    make_tables(server().url(own.database))
    return own


@pytest.fixture
def in_shop(shop: Postgres) -> Iterator[Connection[Any]]:
    """A connection to that database."""
    with connect(shop, "test") as own:
        own.execute(EMPTY)
        yield own


def pending(connection: Connection[Any]) -> set[UUID]:
    return {row[0] for row in connection.execute("SELECT id FROM outbox.task WHERE dead_at IS NULL")}


def test_it_lists_dead_letters_the_oldest_first(run: Callable[..., Any], bury: Callable[..., UUID]) -> None:
    ids = [bury(), bury("tasks.pictures.make", "OSError: no room")]
    for arguments in ([], ["list"]):
        status, out, _ = run(*arguments)
        head, *rows, total = out.splitlines()
        assert status == 0
        assert head.split() == ["ID", "DEAD", "SINCE", "DATABASE", "NAME", "QUEUE", "RETRIES", "DEATHS", "ERROR"]
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

    assert dead.main(["dead", "list"], {"shop": fail}) == 69
    assert capsys.readouterr() == ("", "the database shop does not answer: connection refused\n")


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


def test_it_goes_through_all_databases_unless_one_is_named(
    postgres: Postgres,
    shop: Postgres,
    bury: Callable[..., UUID],
    connection: Connection[Any],
    in_shop: Connection[Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    def run(*arguments: str) -> tuple[int, str]:
        return dead.main(["dead", *arguments], reached(postgres, shop)), capsys.readouterr().out

    ids = [bury_in(in_shop, body="hello"), bury(), bury_in(in_shop)]

    _, table = run("list", "--limit", "2")
    assert [line.split()[:1] + line.split()[3:4] for line in table.splitlines()[1:-1]] == [
        [str(ids[0]), "shop"],
        [str(ids[1]), "outbox"],
    ]
    assert table.endswith("2 shown, 3 dead letters in all\n")
    assert "1 shown, 1 dead letters in all" in run("list", "--database", "outbox")[1]
    shown = run("show", str(ids[0]))[1]
    assert "\ndatabase      shop\n" in shown
    assert "\nmessage       hello\n" in shown

    assert run("redrive", str(ids[1]), str(ids[2])) == (0, "2 re-driven\n")
    assert run("delete", "--all", "--database", "outbox") == (1, "0 deleted\n")
    assert (pending(connection), pending(in_shop)) == ({ids[1]}, {ids[2]})
    assert run("redrive", "--all") == (0, "1 re-driven\n")


def test_it_goes_on_with_the_others_where_a_database_is_away_or_has_no_tables(
    postgres: Postgres, bury: Callable[..., UUID], connection: Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    task = bury()
    databases = reached(postgres.of("gone"), postgres.of("postgres"), postgres)

    assert dead.main(["dead", "redrive", "--all"], databases) == 69

    said = capsys.readouterr()
    assert said.out == "1 re-driven\n"
    assert "the database gone does not answer: " in said.err
    assert (
        'the database postgres cannot be used: relation "outbox.task" does not exist. migrate-outbox makes' in said.err
    )
    assert pending(connection) == {task}


def test_it_names_the_databases_that_there_are(postgres: Postgres, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        dead.main(["dead", "list", "--database", "shp"], reached(postgres, postgres.of("shop")))

    assert refused.value.code == 2
    assert "no contract names a database shp; there are: outbox, shop" in capsys.readouterr().err


def test_contracts_say_which_databases_there_are(tmp_path: Path) -> None:
    (tmp_path / "postgres_password").write_text("x" * 32, encoding="ascii")
    (tmp_path / "databases.json").write_text('{"shop": "market"}', encoding="ascii")

    found = databases_from_env(Env({"SECRETS_DIR": str(tmp_path), "POSTGRES_USER": "relay"}))

    assert [(each.database, each.user) for each in found] == [("landfast", "relay"), ("shop", "relay")]
