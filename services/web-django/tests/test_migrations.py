"""Migrations: none is missing, and each works with data, forwards and backwards."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.db.migrations import AddField, AlterUniqueTogether, CreateModel, Migration, RemoveField, RunSQL
from django.db.migrations.executor import MigrationExecutor
from landfast_runtime.django.management.commands.pending import judged
from news import demo, seeding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from accounts.models import User
    from django.db.migrations.operations.base import Operation
    from landfast_runtime.schema.pending import Pending

#: The apps with our own migrations.
OWN = ("accounts", "quotas", "news", "rest")


def migrations(app: str) -> list[str]:
    """Return the names of an app's migrations in order."""
    return sorted(name for label, name in MigrationExecutor(connection).loader.disk_migrations if label == app)


def migrate(app: str, name: str | None) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([(app, name)])


def change(*operations: Operation) -> Pending:
    """Return the findings in a migration of news with ``operations`` after all existing migrations."""
    (found,) = change_all(operations)
    return found


def change_all(*several: Sequence[Operation]) -> list[Pending]:
    """Return the findings in migrations of news, each with its operations, after all existing migrations."""
    made = [
        type("Next", (Migration,), {"operations": list(operations)})(f"{number}_next", "news")
        for number, operations in enumerate(several, 9998)
    ]
    return judged(made, MigrationExecutor(connection).loader.project_state())


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608 - a name of ours
        number: int = cursor.fetchone()[0]
    return number


@pytest.fixture
def _latest() -> Iterator[None]:
    """Restore every table after a test."""
    yield
    call_command("migrate", verbosity=0)


@pytest.mark.django_db
def test_it_has_a_migration_for_every_change_of_a_model() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=3)


@pytest.mark.slow
@pytest.mark.usefixtures("_latest")
@pytest.mark.django_db(transaction=True)
def test_it_keeps_articles_and_users_through_every_migration_backwards_and_forwards(
    make_user: Callable[..., User],
) -> None:
    seeding.seed()
    demo.make(50, 200)
    make_user("ada")
    articles, users = count("news_article"), count("accounts_user")
    for app in OWN:
        names = migrations(app)
        for name in reversed(names):
            migrate(app, name)
            assert count("news_article") == articles, name
        for name in names:
            migrate(app, name)
            assert (count("news_article"), count("accounts_user")) == (articles, users), name


@pytest.mark.slow
@pytest.mark.usefixtures("_latest")
@pytest.mark.django_db(transaction=True)
def test_it_can_take_every_app_away_and_bring_it_back() -> None:
    seeding.seed()
    for app in ("rest", "news", "accounts"):
        migrate(app, None)
        assert not [table for table in connection.introspection.table_names() if table.startswith(f"{app}_")]
    call_command("migrate", verbosity=0)
    assert seeding.seed() > 0


@pytest.mark.usefixtures("_latest")
@pytest.mark.django_db(transaction=True)
def test_it_tells_which_are_pending_and_runs_none(capsys: pytest.CaptureFixture[str]) -> None:
    last, before = migrations("news")[-1], migrations("news")[-2]
    call_command("pending")
    assert capsys.readouterr().out == "pending: none\n"

    migrate("news", before)
    call_command("pending")

    assert f"pending: news.{last}\n" in capsys.readouterr().out
    assert ("news", last) not in MigrationExecutor(connection).loader.applied_migrations


@pytest.mark.parametrize(
    ("operation", "problem"),
    [
        (
            AddField("article", "subtitle", models.CharField(max_length=20, default="")),
            "adds the required column subtitle to news_article without a default that stays in the database",
        ),
        (RemoveField("article", "slug"), "drops the column slug of news_article"),
        (RunSQL("DROP TABLE news_tag"), "drops the table news_tag"),
    ],
)
@pytest.mark.django_db
def test_it_finds_what_the_release_before_cannot_live_with(operation: Operation, problem: str) -> None:
    assert change(operation).problems == (problem,)


@pytest.mark.parametrize(
    "operation",
    [
        AddField("article", "subtitle", models.CharField(max_length=20, default="", db_default="")),
        AddField("article", "rank", models.IntegerField(null=True, default=5)),
        AddField("article", "rank", models.PositiveIntegerField(default=0, db_default=0, db_index=True)),
        AddField("article", "related", models.ManyToManyField("news.article")),
        AddField("article", "source", models.ForeignKey("news.article", models.CASCADE, null=True)),
    ],
)
@pytest.mark.django_db
def test_it_lets_through_what_the_release_before_need_not_know(operation: Operation) -> None:
    assert change(operation).problems == ()


@pytest.mark.django_db
def test_it_lets_through_constraints_that_come_and_go_on_a_table_of_pending_migrations() -> None:
    names = ("one", "two")
    fields: list[tuple[str, models.Field[Any, Any]]] = [("id", models.BigAutoField(primary_key=True))]
    fields += [(name, models.IntegerField()) for name in names]
    made = CreateModel("note", fields, {"unique_together": {names}})

    found = [
        change_all((made,), (AlterUniqueTogether("note", set()),)),
        change_all((made, AlterUniqueTogether("note", set()))),
    ]

    assert [each.problems for several in found for each in several] == [(), (), ()]


@pytest.mark.django_db
def test_it_changes_nothing_while_it_looks() -> None:
    change(RunSQL("DROP TABLE news_tag"))

    assert count("news_tag") == 0


@pytest.mark.django_db
def test_it_refuses_what_it_cannot_judge() -> None:
    (problem,) = change(
        AlterUniqueTogether("article", {("slug", "status")}), AlterUniqueTogether("article", set())
    ).problems

    assert problem.startswith("cannot be analysed beforehand")


@pytest.mark.usefixtures("_latest")
@pytest.mark.django_db(transaction=True)
def test_a_deploy_is_refused_until_the_migration_says_why_it_is_safe(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    last, before = migrations("news")[-1], migrations("news")[-2]
    migrate("news", before)
    migration = import_module(f"news.migrations.{last}").Migration
    monkeypatch.setattr(migration, "operations", [RemoveField("article", "slug")])

    with pytest.raises(CommandError, match=rf"news\.{last} drops the column slug of news_article"):
        call_command("pending")

    monkeypatch.setattr(settings, "COMPATIBLE_MIGRATIONS", {f"news.{last}": "the package says so"})
    call_command("pending")
    monkeypatch.setattr(migration, "compatible_because", "nothing reads it", raising=False)
    call_command("pending")

    shown = capsys.readouterr().out
    assert f"pending: news.{last} (drops the column slug of news_article: the package says so)\n" in shown
    assert f"pending: news.{last} (drops the column slug of news_article: nothing reads it)\n" in shown


@pytest.mark.django_db
def test_every_migration_of_ours_leaves_the_release_before_alive_or_says_why() -> None:
    loader = MigrationExecutor(connection).loader
    for app in OWN:
        for name in migrations(app)[1:]:  # no release preceded the first migration
            before = loader.project_state((app, name), at_end=False)
            (found,) = judged([loader.get_migration(app, name)], before)
            assert not found.problems or found.reason, found
