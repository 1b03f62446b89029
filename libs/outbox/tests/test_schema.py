"""Migrations up and down, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from alembic.script import ScriptDirectory
from landfast_outbox import schema
from landfast_outbox.rights import FILE
from landfast_runtime.schema.compatibility import Review
from landfast_testing.postgres import server
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

TABLES = {"access", "migration", "setback", "stored_task"}


@pytest.fixture
def engine() -> Iterator[Engine]:
    """A database with only an empty schema."""
    server().make_database("schema")
    engine = create_engine(server().url("schema"), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA outbox"))
    yield engine
    server().make_database("schema")


@pytest.fixture
def service(engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """Set the environment of the one-shot, and return the directory of its secrets."""
    (tmp_path / "postgres_password").write_text("not-needed-by-a-socket")
    (tmp_path / FILE).write_text('{"": {"parts": {"writers": ["shop"]}}}')
    for name, value in (
        ("SECRETS_DIR", str(tmp_path)),
        ("POSTGRES_HOST", server().host),
        ("POSTGRES_DB", "schema"),
        ("POSTGRES_USER", server().user),
    ):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("logging.config.dictConfig", lambda _: None)
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE shop"))
    yield tmp_path
    server().make_database("schema")
    with create_engine(server().url("postgres"), poolclass=NullPool).begin() as connection:
        connection.execute(text("DROP ROLE shop"))


def tables(engine: Engine) -> set[str]:
    with engine.begin() as connection:
        return set(connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'outbox'")))


def test_tables_come_once_and_go_again(engine: Engine) -> None:
    schema.upgrade(engine)
    assert tables(engine) == TABLES
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO outbox.task (id, name, engine, queue, headers, properties, body, ordered) "
                "VALUES (gen_random_uuid(), '', '', '', '{}', '{}', '', false)"
            )
        )
    schema.upgrade(engine)
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM outbox.task")) == 1

    schema.downgrade(engine)
    assert tables(engine) == {"migration"}
    schema.upgrade(engine)
    assert tables(engine) == TABLES


def may_write(engine: Engine) -> bool:
    with engine.begin() as connection:
        return bool(connection.scalar(text("SELECT has_table_privilege('shop', 'outbox.task', 'INSERT')")))


@pytest.mark.usefixtures("service")
def test_the_service_makes_the_tables_and_grants_what_the_contracts_want(engine: Engine) -> None:
    schema.main()

    assert tables(engine) == TABLES
    assert may_write(engine)


def test_each_run_of_the_service_follows_the_contracts_of_then(engine: Engine, service: Path) -> None:
    schema.main()
    (service / FILE).write_text('{"": {"parts": {"writers": []}}}')
    schema.main()

    assert not may_write(engine)


@pytest.mark.usefixtures("service")
def test_the_service_tells_what_it_would_do(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    schema.upgrade(engine, "0002")

    schema.main(["--pending"])

    told = capsys.readouterr().out.splitlines()
    assert [line.split(" (")[0] for line in told[:2]] == [
        f"pending: schema: {revision}" for revision in ("0003", "0004")
    ]
    gets = (
        "gets INSERT on outbox.stored_task, INSERT on outbox.task, SELECT on outbox.access, "
        "SELECT on outbox.stored_task, SELECT on outbox.task, USAGE on outbox"
    )
    assert told[2:] == [f"pending: schema: rights of shop: {gets}"]
    assert tables(engine) == {"migration", "task"}
    assert not may_write(engine)
    schema.main()
    capsys.readouterr()
    schema.main(["--pending"])
    assert capsys.readouterr().out == "pending: none\n"


def test_a_role_that_there_is_not_ends_the_service_with_its_name(service: Path) -> None:
    (service / FILE).write_text('{"": {"parts": {"writers": ["shp"]}}}')

    with pytest.raises(SystemExit, match="migrate-outbox: there is no role shp"):
        schema.main()


def test_it_goes_through_every_database_that_has_tasks(engine: Engine, service: Path) -> None:
    server().make_database("shop")
    own = create_engine(server().url("shop"), poolclass=NullPool)
    with own.begin() as connection:
        connection.execute(text("CREATE SCHEMA outbox"))
    (service / FILE).write_text('{"": {}, "shop": {"parts": {"writers": ["shop"]}}}')
    try:
        schema.main()

        assert tables(engine) == tables(own) == TABLES
        assert (may_write(engine), may_write(own)) == (False, True)
    finally:
        server().make_database("shop")


def test_a_database_that_there_is_not_ends_the_service_with_its_name(engine: Engine, service: Path) -> None:
    (service / FILE).write_text('{"": {}, "shp": {}}')

    with pytest.raises(SystemExit, match="migrate-outbox: there is no database shp"):
        schema.main()
    assert tables(engine) == set()


@pytest.mark.usefixtures("engine")
def test_a_database_without_tables_is_pending_whether_it_is_there_or_not(
    service: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schema.main()
    (service / FILE).write_text('{"": {"parts": {"writers": ["shop"]}}, "new": {}, "postgres": {}}')
    capsys.readouterr()

    schema.main(["--pending"])

    assert capsys.readouterr().out.splitlines() == [f"pending: {name}: all revisions" for name in ("new", "postgres")]


def test_without_the_derived_file_the_service_stops_before_it_changes_anything(
    engine: Engine, service: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (service / FILE).unlink()

    with pytest.raises(SystemExit):
        schema.main()

    assert "durable_tasks.json: secret file" in capsys.readouterr().err
    assert tables(engine) == set()


def test_it_tells_what_is_pending_and_runs_nothing(engine: Engine) -> None:
    waiting = schema.pending(engine)
    assert waiting[0].name.startswith("0001 ")
    assert not tables(engine)

    schema.upgrade(engine, "0001")
    assert [each.name for each in schema.pending(engine)] == [each.name for each in waiting[1:]]

    schema.upgrade(engine)
    assert schema.pending(engine) == []


def test_a_running_task_delays_a_migration_and_its_end_lets_it_through(engine: Engine) -> None:
    schema.upgrade(engine, "0003")
    with engine.connect() as task:
        task.execute(text("SELECT FROM outbox.task FOR UPDATE"))
        with pytest.raises(ValueError, match="running tasks held the table of tasks for 0 s"):
            schema.upgrade_between_tasks(engine, patience=0)
        assert schema.pending(engine)
    schema.upgrade_between_tasks(engine, patience=0)

    assert schema.pending(engine) == []


def test_every_revision_leaves_the_release_before_alive_or_says_why(engine: Engine) -> None:
    with engine.connect() as connection:
        *later, _first = ScriptDirectory.from_config(schema._config(connection)).walk_revisions()  # noqa: SLF001

    for script in later:
        found = schema.judged(script, Review())
        assert not found.problems or found.reason, found
