"""``manage.py release``: prepares the database for a new release, before the release serves."""

from __future__ import annotations

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from landfast_runtime.shortage import outage

from console import config
from console.operators import ensure_operator
from console.roles import ensure_roles


class Command(BaseCommand):
    """Migrates the database, and makes the first operator and the operators' groups. A second run changes nothing."""

    help = __doc__
    requires_system_checks = []  # noqa: RUF012 - Django's own way; checks load URLs, which need more secrets

    def handle(self, *_args: object, **options: object) -> None:
        """Run every step in order.

        Raises:
            CommandError: the database does not answer.
        """
        first = config.operator()
        try:
            call_command("migrate", interactive=False, verbosity=options["verbosity"])
            made = ensure_operator(first.username, first.password)
            roles = ensure_roles()
        except OperationalError as error:
            raise CommandError(f"{outage('the database', error)}: {error}") from error
        self.stdout.write(f"operator {first.username}: {'made' if made else 'there already'}")
        self.stdout.write(f"roles made: {roles}")
