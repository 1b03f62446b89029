"""Limits on guesses at passwords and codes. They are checked before a password is hashed, which takes memory and time.

Guesses are counted for the account that the name finds, not for the text that was typed, and for the address that they
come from. All guesses together have a limit, too, because a guesser may have many names and many addresses.

An attacker can use up the limits of an account and of all. So a browser in which somebody has logged in has limits of
its own for that account (:mod:`landfast_runtime.django.known_browsers`).

The counts are in memory, because the console runs as one process; a restart forgets them.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from landfast_runtime.django import known_browsers
from landfast_runtime.django.visitors import client_address
from landfast_runtime.visitors import network

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest, HttpResponse

#: Failures within :data:`WINDOW` seconds after which more are refused.
OF_ACCOUNT, OF_DEVICE, OF_ADDRESS, OF_ALL = 5, 10, 20, 100
WINDOW = 15 * 60

#: Passwords that are hashed at once, and seconds for which another one waits.
HASHES, PATIENCE = 2, 1.0

COOKIE, SALT = "console_device", "console.attempts"
COOKIE_AGE = 90 * 24 * 3600

type Key = tuple[str, str]


class RefusedError(Exception):
    """There were too many failures, or too many logins at this moment."""


class Failures:
    """The failures of the last :data:`WINDOW` seconds, by key."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._times: defaultdict[Key, deque[float]] = defaultdict(deque)

    def __len__(self) -> int:
        """Return the number of keys."""
        return len(self._times)

    def claim(self, limits: dict[Key, int]) -> None:
        """Count an attempt under each key as a failure, or under none if one of them has reached its limit.

        Args:
            limits: key -> its limit.

        Raises:
            RefusedError: one of them has reached its limit.
        """
        now = time.monotonic()
        with self._lock:
            self._forget(now - WINDOW)
            if any(len(self._times[key]) >= limit for key, limit in limits.items() if key in self._times):
                raise RefusedError
            for key in limits:
                self._times[key].append(now)

    def release(self, limits: dict[Key, int]) -> None:
        """Take a claimed attempt back, because it was no failure."""
        with self._lock:
            for key in limits:
                if times := self._times.get(key):
                    times.pop()
                if not times:
                    self._times.pop(key, None)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._times.clear()

    def _forget(self, before: float) -> None:
        """Remove what is older; :data:`OF_ALL` bounds what stays."""
        for key, times in list(self._times.items()):
            while times and times[0] <= before:
                times.popleft()
            if not times:
                del self._times[key]


failures = Failures()
hashing = threading.BoundedSemaphore(HASHES)


@contextmanager
def of_password(request: HttpRequest, username: str) -> Iterator[list[bool]]:
    """Limit the check of a password in the body, which adds True to the list on success.

    Raises:
        RefusedError: the password must not be checked.
    """
    user = User.objects.filter(username=username).first()  # as the authentication backend finds it
    device = known_as(request, user)
    limits = {("address", network(client_address(request))): OF_ADDRESS}
    if device:
        limits["device", device] = OF_DEVICE
    else:
        account = f"unknown {username.casefold()[:150]}" if user is None else str(user.pk)
        limits |= {("account", account): OF_ACCOUNT, ("all", ""): OF_ALL}
    failures.claim(limits)
    if not hashing.acquire(timeout=PATIENCE):
        failures.release(limits)
        raise RefusedError
    succeeded: list[bool] = []
    try:
        yield succeeded
    finally:
        hashing.release()
        if any(succeeded):
            failures.release(limits)


@contextmanager
def of_code(user: User) -> Iterator[list[bool]]:
    """Limit the check of a code in the body, which adds True to the list on success.

    Raises:
        RefusedError: the code must not be checked.
    """
    limits = {("code", str(user.pk)): OF_ACCOUNT}
    failures.claim(limits)
    succeeded: list[bool] = []
    try:
        yield succeeded
    finally:
        if any(succeeded):
            failures.release(limits)


def remember_device(request: HttpRequest, response: HttpResponse, user: User) -> None:
    """Give the browser the cookie by which it has limits of its own, for this account and its present password."""
    if known_as(request, user):
        return  # another name would have limits of its own again
    response.set_cookie(
        COOKIE,
        known_browsers.mark(user, SALT),
        max_age=COOKIE_AGE,
        path=settings.CSRF_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Strict",
    )


def known_as(request: HttpRequest, user: User | None) -> str | None:
    """Return the random name of a browser in which the account has logged in; None for any other."""
    return known_browsers.name(request.COOKIES.get(COOKIE, ""), user, SALT, COOKIE_AGE)
