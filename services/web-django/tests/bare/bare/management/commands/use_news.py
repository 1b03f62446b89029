"""Visits the app's pages."""

from django.core.management.base import BaseCommand
from django.test import Client
from django.urls import reverse
from news.models import Article, Comment


class Command(BaseCommand):
    """Requests the app's pages and prints their content."""

    def handle(self, *_args: object, **_options: object) -> None:
        """Request the pages."""
        draft = Article.objects.create(title="Draft", slug="draft", summary="-", body="-", author_name="Ada")
        article = Article.objects.published().latest("published_at")
        client = Client()
        listed, detail = client.get(reverse("news:list")), client.get(article.get_absolute_url())
        if article.title not in listed.text or article.title not in detail.text:
            raise AssertionError("a page does not show its article")
        self.stdout.write(f"{Article.objects.published().count()} articles")
        self.stdout.write(f"{Comment.objects.count()} comments")
        self.stdout.write(f"list {listed.status_code}")
        self.stdout.write(f"detail {detail.status_code}")
        self.stdout.write(f"draft {client.get(draft.get_absolute_url()).status_code}")
