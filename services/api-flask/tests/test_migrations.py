from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from alembic import command
from alembic.config import Config
from api import pending
from api.tables import Base
from sqlalchemy import create_engine, inspect, text

from tests.conftest import postgres_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine(postgres_url("migrations"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def config(connection: Connection) -> Config:
    config = Config(Path(__file__).parent.parent / "alembic.ini")
    config.attributes["connection"] = connection
    return config


def test_migrations_make_the_very_tables_of_the_models(config: Config, connection: Connection) -> None:
    command.upgrade(config, "head")

    assert set(inspect(connection).get_table_names()) == {*Base.metadata.tables, "alembic_version"}
    command.check(config)


def test_migrations_run_again_change_nothing(config: Config) -> None:
    command.upgrade(config, "head")
    command.upgrade(config, "head")

    command.check(config)


def test_migrations_can_be_taken_back(config: Config, connection: Connection) -> None:
    command.upgrade(config, "head")
    command.downgrade(config, "base")

    assert inspect(connection).get_table_names() == ["alembic_version"]


def test_it_tells_which_are_pending_and_runs_none(config: Config, connection: Connection) -> None:
    assert [line.split()[0] for line in pending.pending(connection)] == ["0001", "0002", "0003"]
    assert inspect(connection).get_table_names() == []

    command.upgrade(config, "0002")
    assert pending.pending(connection) == ["0003 (Datasets and reports)"]

    command.upgrade(config, "head")
    assert pending.pending(connection) == []


def test_a_database_that_is_newer_than_the_release_is_named_with_the_way_out(
    config: Config, connection: Connection
) -> None:
    command.upgrade(config, "head")
    connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))

    with pytest.raises(ValueError, match=r"at 0999, which this release does not know.*rollback\.yml"):
        pending.pending(connection)
