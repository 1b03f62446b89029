"""The tables come and go step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from alembic.script import ScriptDirectory
from landfast_outbox import schema
from landfast_runtime.schema.compatibility import Review
from landfast_testing.postgres import server
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine

TABLES = {"migration", "setback", "task"}
ROLES = ("web", "api", "worker", "relay", "stranger")


@pytest.fixture
def engine() -> Iterator[Engine]:
    """A database with nothing but roles and an empty schema."""
    server().make_database("schema")
    engine = create_engine(server().url("schema"), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("CREATE SCHEMA outbox"))
        for role in ROLES:
            connection.execute(text(f"DROP ROLE IF EXISTS {role}"))
            connection.execute(text(f"CREATE ROLE {role}"))
    yield engine
    server().make_database("schema")
    with create_engine(server().url("postgres"), poolclass=NullPool).begin() as connection:
        for role in ROLES:
            connection.execute(text(f"DROP ROLE {role}"))


def tables(engine: Engine) -> set[str]:
    with engine.begin() as connection:
        return set(connection.scalars(text("SELECT tablename FROM pg_tables WHERE schemaname = 'outbox'")))


def may(engine: Engine, role: str, table: str = "task") -> set[str]:
    """Return what a role may do with a table."""
    with engine.begin() as connection:
        return {
            right
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE")
            if connection.scalar(
                text("SELECT has_table_privilege(:r, 'outbox.' || :t, :p)"), {"r": role, "t": table, "p": right}
            )
        }


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


def test_each_service_may_do_what_it_needs_and_no_more(engine: Engine) -> None:
    schema.upgrade(engine)

    assert {role: may(engine, role) for role in ROLES} == {
        "web": {"SELECT", "INSERT"},
        "api": {"SELECT", "INSERT"},
        "worker": {"SELECT", "INSERT", "UPDATE"},
        "relay": {"SELECT", "INSERT", "UPDATE", "DELETE"},
        "stranger": set(),
    }
    assert {role: may(engine, role, "setback") for role in ROLES} == {
        "web": {"SELECT", "DELETE"},
        "api": set(),
        "worker": {"SELECT", "INSERT", "UPDATE", "DELETE"},
        "relay": {"SELECT", "DELETE"},
        "stranger": set(),
    }
    with engine.begin() as connection:
        columns = connection.scalars(
            text(
                "SELECT column_name FROM information_schema.column_privileges "
                "WHERE grantee = 'web' AND privilege_type = 'UPDATE'"
            )
        )
        changed = {"dead_at", "published_at", "due_at", "deaths", "retries", "publications", "headers", "body", "error"}
        assert set(columns) == changed


def test_the_service_reads_its_address_from_the_environment(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "postgres_password").write_text("not-needed-by-a-socket")
    for name, value in (
        ("SECRETS_DIR", str(tmp_path)),
        ("POSTGRES_HOST", server().host),
        ("POSTGRES_DB", "schema"),
        ("POSTGRES_USER", server().user),
    ):
        monkeypatch.setenv(name, value)
    schema.main()

    assert tables(engine) == TABLES


def test_it_tells_what_is_pending_and_runs_nothing(engine: Engine) -> None:
    waiting = schema.pending(engine)
    assert waiting[0].name.startswith("0001 ")
    assert not tables(engine)

    schema.upgrade(engine, "0001")
    assert schema.pending(engine) == waiting[1:]

    schema.upgrade(engine)
    assert schema.pending(engine) == []


def test_every_revision_leaves_the_release_before_alive_or_says_why(engine: Engine) -> None:
    with engine.connect() as connection:
        *later, _first = ScriptDirectory.from_config(schema._config(connection)).walk_revisions()  # noqa: SLF001

    for script in later:
        found = schema.judged(script, Review())
        assert not found.problems or found.reason, found
