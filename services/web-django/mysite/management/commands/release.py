"""``manage.py release``: prepares the database for a new release, before the release serves."""

from __future__ import annotations

from accounts.administrators import ensure_administrator
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError
from landfast_runtime.shortage import outage
from news.roles import ensure_roles
from news.seeding import seed

from mysite import config
from mysite.schedule import ensure_timetable


class Command(BaseCommand):
    """Migrates, creates administrator, roles, timetable and the first articles. A second run changes nothing."""

    help = __doc__
    requires_system_checks = []  # noqa: RUF012 - Django's own attribute; checks load URLs, and those need the broker's password

    def handle(self, *_args: object, **options: object) -> None:
        """Run every step in order.

        Raises:
            CommandError: the database does not answer, or the administrator's name belongs to another user.
        """
        administrator = config.administrator()
        try:
            call_command("migrate", interactive=False, verbosity=options["verbosity"])
            made = ensure_administrator(administrator.username, administrator.email, administrator.password)
            roles = ensure_roles()
            entries = ensure_timetable()
            # This command reaches the database and the volume, but no object storage outside.
            articles = seed(covers=not config.site().media.bucket)
        except OperationalError as error:
            raise CommandError(f"{outage('the database', error)}: {error}") from error
        except ValueError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"administrator {administrator.username}: {'made' if made else 'there already'}")
        self.stdout.write(f"roles made: {roles}")
        self.stdout.write(f"entries of the timetable made: {entries}")
        self.stdout.write(f"articles made: {articles}")
