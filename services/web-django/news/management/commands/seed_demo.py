"""``manage.py seed_demo``: many generated articles and comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.management.base import BaseCommand

from news import demo

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    """Generates articles and comments up to the given numbers. A second run adds only the missing ones."""

    help = __doc__
    requires_system_checks = []  # noqa: RUF012 - Django's own attribute; checks load URLs, and those need the broker's password

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the options."""
        parser.add_argument("--articles", type=int, default=1_000, metavar="NUMBER")
        parser.add_argument("--comments", type=int, default=10_000, metavar="NUMBER")

    def handle(self, *_args: object, articles: int, comments: int, **_options: object) -> None:
        """Generate the rows."""
        made = demo.make(articles, comments)
        demo.tidy()
        self.stdout.write(f"articles made: {made.articles}\ncomments made: {made.comments}")
