"""``manage.py reset_second_factor NAME``: for an operator who has lost the second factor and the recovery codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError

from console.factors import reset

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    """Removes an operator's second factors and ends their sessions; the next login asks for a new factor."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the operator's name."""
        parser.add_argument("username", metavar="NAME", help="the name that the operator logs in with")

    def handle(self, *_args: object, username: str, **_options: object) -> None:
        """Reset.

        Raises:
            CommandError: there is no such operator.
        """
        user = User.objects.filter(username=username).first()
        if user is None:
            names = User.objects.filter(is_staff=True).order_by("username").values_list("username", flat=True)
            raise CommandError(f"there is no operator {username!r}; there are: {', '.join(names)}")
        count = reset(user)
        self.stdout.write(f"operator {username}: {count} second factors removed, all sessions ended")
