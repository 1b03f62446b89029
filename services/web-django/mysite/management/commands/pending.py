"""``manage.py pending``: what ``migrate`` would do."""

from __future__ import annotations

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from landfast_runtime.pending import lines


class Command(BaseCommand):
    """Prints a line for each migration that the database has not seen; it changes nothing."""

    help = __doc__
    requires_system_checks = []  # noqa: RUF012 - Django's own way; as for ``release``

    def handle(self, *_args: object, **_options: object) -> None:
        """Print them in their order.

        Raises:
            CommandError: the database does not answer.
        """
        try:
            executor = MigrationExecutor(connection)
        except OperationalError as error:
            raise CommandError(f"the database does not answer: {error}") from error
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
        for line in lines(str(migration) for migration, _backwards in plan):
            self.stdout.write(line)
