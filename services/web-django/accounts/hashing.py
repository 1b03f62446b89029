"""Password hashing with a bound on simultaneous hashes, so that logins leave threads and processors for pages."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, Final

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from landfast_runtime.django import hashers
from quotas.rates import ExceededError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds for which a hash waits for others. Each takes a fraction of a second.
PATIENCE: Final = 5.0


class Slots:
    """Admits a number of hashes at once in this process, and as many more that wait.

    Args:
        at_once: the number.
    """

    def __init__(self, at_once: int) -> None:
        self._admitted = BoundedSemaphore(2 * at_once)
        self._running = BoundedSemaphore(at_once)

    @contextmanager
    def one(self) -> Iterator[None]:
        """Hold a slot during the block.

        Raises:
            ExceededError: others hold and wait for all of them; nothing was computed.
        """
        if not self._admitted.acquire(blocking=False):
            raise _busy()
        try:
            if not self._running.acquire(timeout=PATIENCE):
                raise _busy()
            try:
                yield
            finally:
                self._running.release()
        finally:
            self._admitted.release()


#: For everybody, and as many more for browsers that have logged in before, whom a flood of strangers must not delay.
slots: Final = Slots(settings.PASSWORD_HASHES_AT_ONCE)
reserved: Final = BoundedSemaphore(settings.PASSWORD_HASHES_AT_ONCE)

#: Whether the present request is from such a browser.
known: Final[ContextVar[bool]] = ContextVar("known", default=False)


@contextmanager
def slot() -> Iterator[None]:
    """Hold a slot during the block, a reserved one if the browser is known and one is free.

    Raises:
        ExceededError: there is none.
    """
    if known.get() and reserved.acquire(blocking=False):
        try:
            yield
        finally:
            reserved.release()
    else:
        with slots.one():
            yield


def _busy() -> ExceededError:
    return ExceededError(_("Many people are logging in at this moment. Please try again in a few seconds."), wait=2)


class Argon2(hashers.Argon2):
    """The project's hasher, whose work is bounded in every process."""

    def encode(self, password: str, salt: str) -> str:
        """Return a password's hash.

        Raises:
            ExceededError: too many passwords are being hashed.
        """
        with slot():
            return super().encode(password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Return whether a password has a hash.

        Raises:
            ExceededError: too many passwords are being hashed.
        """
        with slot():
            return super().verify(password, encoded)
