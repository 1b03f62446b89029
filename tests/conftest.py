"""Fixtures of the tests that need a running stack. README.md explains them."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex, token_urlsafe
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.support import secrets
from tests.support.inbox import Inbox
from tests.support.leftovers import remove_leftovers
from tests.support.site import Site
from tests.support.stack import Stack
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

#: Lines of each service that a failed test shows.
LOG_LINES = 25


@dataclass(frozen=True)
class Person:
    """Someone with an account."""

    name: str
    email: str
    password: str

    @classmethod
    def new(cls) -> Person:
        """Return somebody whom no other test knows."""
        name = f"visitor-{token_hex(4)}"
        return cls(name, f"{name}@example.org", token_urlsafe(16))


def pytest_sessionstart() -> None:
    """End like on Ctrl-C when somebody ends this run politely, so that fixtures can clean up."""

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The stack under test, one for all tests."""
    remove_leftovers()
    stack = Stack()
    try:
        stack.build()
        stack.up()
        wait_ready(stack)
        yield stack
    finally:
        stack.down()


def wait_ready(stack: Stack) -> None:
    """Wait until the site says that every dependency serves."""
    site = Site(stack.http_url)
    wait_until(lambda: site.probe("/readyz"), 90, lambda: f"/readyz: {site.probe('/readyz').body}", interval=0.3)


@pytest.fixture
def ready(stack: Stack) -> Iterator[Stack]:
    """The stack for a test that breaks something: whole before it, and put together again after it."""
    wait_ready(stack)
    try:
        yield stack
    finally:
        paused = [name for name, status in stack.statuses(*stack.long_running).items() if status == "paused"]
        if paused:
            stack.compose("unpause", *paused)
        stack.compose("up", "--detach", "--no-build")
        stack.wait_healthy(*stack.long_running)
        wait_ready(stack)


@pytest.fixture
def site(stack: Stack) -> Site:
    """An anonymous visitor."""
    return Site(stack.http_url)


@pytest.fixture(scope="session")
def authority(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The certificate of the stack's own authority, as a file."""
    path = tmp_path_factory.mktemp("authority") / "ca.crt"
    path.write_text(secrets.show(stack, "ca_certificate"), encoding="ascii")
    return path


@pytest.fixture(scope="session")
def admin(stack: Stack) -> Person:
    """The administrator whom the stack made at its first start."""
    return Person("admin", "admin@localhost", secrets.show(stack, "admin_password"))


@pytest.fixture
def staff(stack: Stack, admin: Person) -> Site:
    """A visitor who has logged in as the administrator."""
    site = Site(stack.http_url)
    site.log_in(admin.name, admin.password)
    return site


@pytest.fixture
def person() -> Person:
    """Somebody who is not registered yet."""
    return Person.new()


@pytest.fixture
def member(stack: Stack, person: Person) -> Site:
    """A visitor who has registered and is logged in, without being staff."""
    site = Site(stack.http_url)
    assert site.register(person.name, person.email, person.password).status_code == 302
    return site


@pytest.fixture
def inbox(stack: Stack) -> Inbox:
    """The inbox that all of the stack's mail goes to."""
    return Inbox(f"http://localhost:{stack.ports.mail}")


STARTED = pytest.StashKey[datetime]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note when the test began."""
    item.stash[STARTED] = datetime.now(UTC)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the services logged since the test began to the report of one that failed."""
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack") or getattr(item, "funcargs", {}).get("ready")
    if report.failed and isinstance(stack, Stack):
        report.sections.append(("services", recent_logs(stack, item.stash[STARTED])))
    return report


def recent_logs(stack: Stack, since: datetime) -> str:
    """Return the last lines of each service since a moment, without the requests that merely ask for health."""
    parts = []
    for service in sorted(stack.config["services"]):
        lines = [line for line in stack.logs(service, since=since.isoformat()).splitlines() if _worth_reading(line)]
        if lines:
            parts.append(f"--- {service}\n" + "\n".join(lines[-LOG_LINES:]))
    return "\n".join(parts)


def _worth_reading(line: str) -> bool:
    try:
        document = json.loads(line)
    except ValueError:
        return True
    return "/readyz" not in str(document) and "/healthz" not in str(document)
