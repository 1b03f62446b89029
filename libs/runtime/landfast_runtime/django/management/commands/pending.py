"""``manage.py pending``: the pending migrations, and their compatibility with the previous release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor

from landfast_runtime.schema.compatibility import Review
from landfast_runtime.schema.pending import REASON, Pending, lines, refusal
from landfast_runtime.shortage import outage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.migrations import Migration
    from django.db.migrations.state import ProjectState
    from django.db.models import Model

#: The name of a constraint of a table that does not exist yet.
UNKNOWN = "unknown"


class Command(BaseCommand):
    """Prints a line for each pending migration; it changes nothing.

    It fails if the previous release could not work with a migration's schema.
    """

    help = __doc__
    requires_system_checks = []  # noqa: RUF012 - Django's own attribute

    def handle(self, *_args: object, **_options: object) -> None:
        """Print them in order.

        Raises:
            CommandError: the database does not answer, or a migration must not run.
        """
        try:
            executor = MigrationExecutor(connection)
            plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
            applied = [key for key in executor.loader.applied_migrations if key in executor.loader.graph.nodes]
            found = judged((migration for migration, _backwards in plan), executor.loader.project_state(applied))
        except OperationalError as error:
            raise CommandError(f"{outage('the database', error)}: {error}") from error
        for line in lines(found):
            self.stdout.write(line)
        reason = refusal(found)
        if reason:
            raise CommandError(reason)


def judged(migrations: Iterable[Migration], state: ProjectState) -> list[Pending]:
    """Return migrations with their changes that the previous release cannot work with.

    No migration runs: Django only writes its SQL.

    Args:
        migrations: the migrations in order.
        state: the models before the first of them.
    """
    review, found = Review(), []
    tables = frozenset(connection.introspection.table_names())
    for migration in migrations:
        try:
            with writer(migration, tables) as editor:
                migration.apply(state.clone(), editor, collect_sql=True)
            problems = review.read("\n".join(editor.collected_sql))
        except ValueError as error:  # for example, a constraint that a pending migration adds to an existing table
            problems = [f"cannot be analysed beforehand ({error})"]
        state = migration.mutate_state(state, preserve=False)
        reason = getattr(migration, REASON, "") or getattr(settings, "COMPATIBLE_MIGRATIONS", {}).get(
            str(migration), ""
        )
        found.append(Pending(str(migration), tuple(problems), reason))
    return found


def writer(migration: Migration, tables: Collection[str]) -> BaseDatabaseSchemaEditor:
    """Return Django's schema editor for ``migration``, which only writes SQL.

    Django asks the database for names of constraints, and refuses to go on if there is none. A table that a pending
    migration creates is not there yet. The previous release does not use it, so that any name will do.

    Args:
        migration: the migration.
        tables: the tables in the database.
    """
    editor: Any = connection.schema_editor(collect_sql=True, atomic=migration.atomic)
    names = editor._constraint_names  # noqa: SLF001 - Django has no public place for it

    def constraint_names(model: type[Model], *arguments: object, **conditions: object) -> list[str]:
        found: list[str] = names(model, *arguments, **conditions)
        return found or ([] if model._meta.db_table in tables else [UNKNOWN])  # noqa: SLF001 - it is documented

    editor._constraint_names = constraint_names  # noqa: SLF001 - as above
    made: BaseDatabaseSchemaEditor = editor
    return made
