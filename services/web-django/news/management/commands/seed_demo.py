"""``manage.py seed_demo``: a newsroom's worth of made-up articles and comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.management.base import BaseCommand

from news import demo

if TYPE_CHECKING:
    from django.core.management.base import CommandParser


class Command(BaseCommand):
    """Makes up articles and comments until there are as many as asked for. Run again, it adds what is missing."""

    help = __doc__
    requires_system_checks = []  # noqa: RUF012 - Django's own way; checks load URLs, and those need the broker's password

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare how many there shall be."""
        parser.add_argument("--articles", type=int, default=1_000, metavar="NUMBER")
        parser.add_argument("--comments", type=int, default=10_000, metavar="NUMBER")

    def handle(self, *_args: object, articles: int, comments: int, **_options: object) -> None:
        """Make them."""
        made = demo.make(articles, comments)
        demo.tidy()
        self.stdout.write(f"articles made: {made.articles}\ncomments made: {made.comments}")
