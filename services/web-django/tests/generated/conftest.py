"""Shared fixtures of the generated tests."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from django.core.cache import cache
from django.db import transaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Callable[[], AbstractContextManager[None]]:
    """Return a context for each case, which rolls its effects back and is not rate-limited."""
    monkeypatch.setattr("rest_framework.throttling.SimpleRateThrottle.allow_request", lambda *_: True)

    @contextmanager
    def run() -> Iterator[None]:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
        cache.clear()

    return run
