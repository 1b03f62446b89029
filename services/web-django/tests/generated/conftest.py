"""What the generated tests share."""

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
    """Return what each case runs in: its effects are undone, and no limit counts it."""
    monkeypatch.setattr("rest_framework.throttling.SimpleRateThrottle.allow_request", lambda *_: True)

    @contextmanager
    def run() -> Iterator[None]:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
        cache.clear()

    return run
