"""The places of a process for uploads: one owner, from however many addresses, has half of them at most."""

from __future__ import annotations

import threading
from collections import Counter
from contextlib import contextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask, current_app

from api.errors import ApiError

if TYPE_CHECKING:
    import uuid
    from collections.abc import Iterator

#: Seconds after which a sender may try again.
RETRY_AFTER = 10

_EXTENSION = "landfast.lane"


class Lane:
    """Counts the running uploads of each owner.

    Args:
        places: the process's threads.
    """

    def __init__(self, places: int) -> None:
        self.most = max(1, places // 2)
        self._lock = threading.Lock()
        self._running: Counter[uuid.UUID] = Counter()

    @contextmanager
    def place(self, owner: uuid.UUID) -> Iterator[None]:
        """Take a place for an upload, and give it back at the end of the block.

        Raises:
            ApiError: the owner has as many as it may have.
        """
        with self._lock:
            if self._running[owner] >= self.most:
                message = f"the owner of this API key sends {self.most} files already; wait until one of them has ended"
                headers = {"Retry-After": str(RETRY_AFTER)}
                raise ApiError(HTTPStatus.TOO_MANY_REQUESTS, message, headers=headers)
            self._running[owner] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[owner] -= 1
                if not self._running[owner]:
                    del self._running[owner]


def init_lane(app: Flask, places: int) -> None:
    """Set the places of ``app``."""
    app.extensions[_EXTENSION] = Lane(places)


def lane() -> Lane:
    """Return the current application's places."""
    found: Lane = current_app.extensions[_EXTENSION]
    return found
