"""Numbers of pages' queries: the same for many rows as for few."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from news import demo

if TYPE_CHECKING:
    from django.test import Client

pytestmark = pytest.mark.django_db

#: The most queries of one request.
LIST, DETAIL = 8, 3


def queries(client: Client, address: str) -> list[str]:
    """Return the queries of a page with empty caches."""
    cache.clear()
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return [query["sql"] for query in captured.captured_queries]


@pytest.mark.parametrize(("address", "most"), [("/", LIST), ("/news/demo-1/", DETAIL), ("/?page=2", LIST)])
def test_it_asks_as_often_for_many_articles_and_comments_as_for_few(client: Client, address: str, most: int) -> None:
    demo.make(15, 30)
    few = queries(client, address)
    demo.make(60, 600)
    many = queries(client, address)
    assert len(many) == len(few), "\n".join(many)
    assert len(few) <= most, "\n".join(few)
