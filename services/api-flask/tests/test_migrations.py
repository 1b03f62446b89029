from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
import sqlalchemy as sa
from alembic import command, op
from alembic.config import Config
from alembic.script import ScriptDirectory
from api import pending
from api.tables import Base
from landfast_outbox.schema import judged
from landfast_runtime.schema.compatibility import Review
from sqlalchemy import create_engine, inspect, text

from tests.conftest import postgres_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from alembic.script import Script
    from landfast_runtime.schema.pending import Pending
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
    assert [revision.name[:5] for revision in pending.pending(connection)] == ["0001 ", "0002 ", "0003 ", "0004 "]
    assert inspect(connection).get_table_names() == []

    command.upgrade(config, "0002")
    assert [revision.name for revision in pending.pending(connection)] == [
        "0003 (Datasets and reports)",
        "0004 (Owners of datasets, reports and the small tables' rows)",
    ]

    command.upgrade(config, "head")
    assert pending.pending(connection) == []


def test_a_database_that_is_newer_than_the_release_is_named_with_the_way_out(
    config: Config, connection: Connection
) -> None:
    command.upgrade(config, "head")
    connection.execute(text("UPDATE alembic_version SET version_num = '0999'"))

    with pytest.raises(ValueError, match=r"at 0999, which this release does not know.*rollback\.yml"):
        pending.pending(connection)


def revision(upgrade: Callable[[], None], **more: str) -> Script:
    """Return a single revision with ``upgrade``."""
    module = SimpleNamespace(upgrade=upgrade, **more)
    return cast("Script", SimpleNamespace(revision="0999", doc="Next.", module=module))


@pytest.mark.parametrize(
    ("upgrade", "problem"),
    [
        (
            lambda: op.add_column("unit", sa.Column("symbol", sa.String(9), nullable=False)),
            "adds the required column symbol to unit without a default that stays in the database",
        ),
        (lambda: op.alter_column("unit", "name", nullable=False), "refuses NULL in name of unit"),
        (lambda: op.alter_column("unit", "name", new_column_name="title"), "renames the column name of unit to title"),
        (lambda: op.alter_column("unit", "name", server_default=None), "takes away the default of name of unit"),
        (
            lambda: op.alter_column("unit", "name", type_=sa.Integer()),
            "changes the type of name of unit (harmless if it only gets wider)",
        ),
        (lambda: op.drop_column("unit", "name"), "drops the column name of unit"),
        (lambda: op.rename_table("unit", "measure"), "renames the table unit"),
        (lambda: op.drop_table("unit"), "drops the table unit"),
        (lambda: op.create_unique_constraint("u", "unit", ["name"]), "makes name of unit unique"),
        (lambda: op.create_index("u", "unit", ["name"], unique=True), "makes name of unit unique"),
        (lambda: op.create_check_constraint("c", "unit", "factor > 0"), "adds a constraint (check) to unit"),
    ],
)
def test_it_finds_what_the_release_before_cannot_live_with(upgrade: Callable[[], None], problem: str) -> None:
    assert judged(revision(upgrade), Review()).problems == (problem,)


@pytest.mark.parametrize(
    "upgrade",
    [
        lambda: op.add_column("unit", sa.Column("symbol", sa.String(9))),
        lambda: op.add_column("unit", sa.Column("symbol", sa.String(9), server_default="", nullable=False)),
        lambda: op.create_table("note", sa.Column("text", sa.String(9), nullable=False)),
        lambda: op.create_index("i", "unit", ["name"]),
        lambda: op.alter_column("unit", "name", nullable=True),
    ],
)
def test_it_lets_through_what_the_release_before_need_not_know(upgrade: Callable[[], None]) -> None:
    assert judged(revision(upgrade), Review()).problems == ()


def test_it_refuses_what_it_cannot_judge() -> None:
    (problem,) = judged(revision(lambda: op.get_bind().scalar(sa.text("SELECT 1"))), Review()).problems

    assert problem.startswith("cannot be analysed, as it queries the database (AttributeError")


def test_it_reads_on_where_a_revision_leaves_the_transaction() -> None:
    def upgrade() -> None:
        with op.get_context().autocommit_block():
            op.create_index("i", "unit", ["name"], postgresql_concurrently=True)
        op.drop_table("unit")

    assert judged(revision(upgrade), Review()).problems == ("drops the table unit",)


def test_a_deploy_is_refused_until_the_revision_says_why_it_is_safe(
    connection: Connection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def found(_: Connection, **more: str) -> list[Pending]:
        return [judged(revision(lambda: op.drop_table("unit"), **more), Review())]

    monkeypatch.setattr(pending, "load_database_settings", lambda: SimpleNamespace(postgres=None))
    monkeypatch.setattr(pending, "database_url", lambda _: connection.engine.url)
    monkeypatch.setattr(pending, "pending", found)
    with pytest.raises(SystemExit, match=r"0999 \(Next\) drops the table unit"):
        pending.main()
    capsys.readouterr()

    monkeypatch.setattr(pending, "pending", partial(found, compatible_because="nothing reads it"))
    pending.main()

    assert capsys.readouterr().out == "pending: 0999 (Next) (drops the table unit: nothing reads it)\n"


def test_every_revision_of_ours_leaves_the_release_before_alive_or_says_why(config: Config) -> None:
    *later, first = ScriptDirectory.from_config(config).walk_revisions()

    assert first.down_revision is None
    for script in later:  # no release preceded the first revision
        found = judged(script, Review())
        assert not found.problems or found.reason, found
