"""What the site counts in the cache that it shares with the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.stack import Stack

_COUNT = """
from concurrent.futures import ThreadPoolExecutor
from django.conf import settings
settings.CACHES["default"]["OPTIONS"]["SOCKET_TIMEOUT"] = 60  # a slow machine may take more than a quarter of a second
from django.core.cache import cache
cache.add("counted-by-many", 0, 600)
with ThreadPoolExecutor(4) as threads:
    list(threads.map(lambda _: cache.incr("counted-by-many"), range(200)))
print(cache.get("counted-by-many"), 0 < cache.ttl("counted-by-many") <= 600, cache.delete("counted-by-many"))
"""


def test_it_counts_what_many_threads_count_and_keeps_the_time_limit(stack: Stack) -> None:
    """Such a count limits a visitor's comments; one without a time limit would refuse the visitor for good."""
    printed = stack.execute("web-django", "python", "manage.py", "shell", "-v0", "-c", _COUNT)
    assert printed.split() == ["200", "True", "True"]
