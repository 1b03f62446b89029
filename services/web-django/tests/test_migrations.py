"""Changes of the database: none is missing, and each works on data, forwards and backwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from news import demo, seeding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from accounts.models import User

#: The apps whose migrations are ours.
OWN = ("accounts", "news", "rest")


def migrations(app: str) -> list[str]:
    """Return the names of an app's migrations in their order."""
    return sorted(name for label, name in MigrationExecutor(connection).loader.disk_migrations if label == app)


def migrate(app: str, name: str | None) -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([(app, name)])


def count(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {connection.ops.quote_name(table)}")  # noqa: S608 - a name of ours
        number: int = cursor.fetchone()[0]
    return number


@pytest.fixture
def _latest() -> Iterator[None]:
    """Leave every table there, whatever a test did."""
    yield
    call_command("migrate", verbosity=0)


@pytest.mark.django_db
def test_it_has_a_migration_for_every_change_of_a_model() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=3)


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
