"""Who waits for a database that is away: one thread at a time, instead of all of them."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from psycopg import OperationalError

if TYPE_CHECKING:
    from collections.abc import Iterator


class Outage:
    """Remembers that connecting failed, and lets a single thread find out whether it works again.

    Every attempt to connect lasts seconds while the database is away. If each request made one, they would fill all
    threads within moments, and the health check would wait behind them until Docker took the service for dead.
    """

    def __init__(self) -> None:
        """Begin with a database that is there."""
        self._away = False
        self._scout = threading.Lock()

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """Guard one attempt to connect.

        Raises:
            OperationalError: the database was away a moment ago and another thread is asking it right now.
        """
        scouting = self._away
        if scouting and not self._scout.acquire(blocking=False):
            raise OperationalError("no connection could be had a moment ago")
        try:
            yield
        except OperationalError:
            self._away = True
            raise
        else:
            self._away = False
        finally:
            if scouting:
                self._scout.release()
