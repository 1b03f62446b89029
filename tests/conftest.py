"""Fixtures of the tests that need a running stack. README.md explains them."""

from __future__ import annotations

import json
import signal
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from secrets import token_hex, token_urlsafe
from typing import TYPE_CHECKING, NoReturn

import pytest

from tests.support import secrets
from tests.support.checkout import copy_checkout
from tests.support.inbox import Inbox
from tests.support.leftovers import remove_leftovers
from tests.support.site import Site
from tests.support.stack import Stack
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

UP = ("up", "--detach", "--no-build")

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
    """End like on Ctrl-C when somebody ends this run politely, so that fixtures can clean up.

    A shell that starts this run in the background makes it ignore Ctrl-C, and with it every program that the tests
    start and interrupt.
    """

    def interrupt(*_: object) -> NoReturn:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """The stack as a laptop runs it: one for all tests."""
    remove_leftovers()
    stack = Stack()
    with running(stack, build=True):
        yield stack


@pytest.fixture(scope="session")
def shipped(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A second stack beside the first, without what only laptops want, from a checkout whose path holds a space."""
    checkout = tmp_path_factory.mktemp("checkout") / "land fast"
    copy_checkout(checkout)
    shipped = Stack(project=f"{stack.project}-shipped", directory=checkout, files=("compose.yaml",))
    shipped.take_images_of(stack)
    with running(shipped):
        yield shipped


@pytest.fixture
def ready(stack: Stack) -> Iterator[Stack]:
    """The laptop's stack for a test that breaks something: whole before it, and put together again after it."""
    with made_whole(stack):
        yield stack


@pytest.fixture(params=["stack", "shipped"])
def either(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """As ``ready``, once for the laptop's stack and once for the shipped one."""
    stack: Stack = request.getfixturevalue(request.param)
    with made_whole(stack):
        yield stack


@pytest.fixture(scope="session")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Stack], Site]:
    """Make visitors who come over HTTPS and trust the stack's own authority, and no other."""
    directory = tmp_path_factory.mktemp("authorities")

    def visitor(of: Stack) -> Site:
        path = directory / of.project
        if not path.exists():
            path.write_text(secrets.show(of, "ca_certificate"), encoding="ascii")
        return Site(of.https_url, str(path))

    return visitor


@pytest.fixture
def site(stack: Stack) -> Site:
    """An anonymous visitor."""
    return Site(stack.http_url)


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
def make_person() -> Callable[[], Person]:
    """Return a function that thinks up more people."""
    return Person.new


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


@contextmanager
def running(stack: Stack, *, build: bool = False) -> Iterator[None]:
    """Start a stack, and remove it and its data at the end, whatever happens.

    Without it there is nothing to test, so the run ends, with what the services said.
    """
    try:
        try:
            if build:
                stack.build()
            stack.up()
            wait_ready(stack)
        except AssertionError as error:
            pytest.exit(f"{stack.project} does not start: {error}\n{recent_logs(stack)}", returncode=1)
        yield
    finally:
        stack.down()


def wait_ready(stack: Stack) -> None:
    """Wait until the site says that every dependency serves."""
    site = Site(stack.http_url)
    wait_until(lambda: site.probe("/readyz"), 90, lambda: f"/readyz: {site.probe('/readyz').body}", interval=0.3)


@contextmanager
def made_whole(stack: Stack) -> Iterator[None]:
    """See that a stack is whole before the body, and put it together again after it."""
    wait_ready(stack)
    whole = stack.healthy_containers()
    try:
        yield
    finally:
        if stack.healthy_containers() != whole or len(whole) < len(stack.long_running):
            repair(stack)
        wait_ready(stack)


def repair(stack: Stack) -> None:
    """Start what is missing, and replace what is not as the Compose files have it."""
    paused = [name for name, status in stack.statuses(*stack.long_running).items() if status == "paused"]
    if paused:
        stack.compose("unpause", *paused)
    # What was paused for long is unhealthy till its next check, and Compose starts nothing that depends on it.
    wait_until(lambda: stack.compose(*UP, check=False).returncode == 0, 90, f"{stack.project} to start again")
    stack.wait_healthy(*stack.long_running)


STARTED = pytest.StashKey[datetime]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note when the test began."""
    item.stash[STARTED] = datetime.now(UTC)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the services logged since the test began to the report of one that failed."""
    report = yield
    stacks = {value for value in getattr(item, "funcargs", {}).values() if isinstance(value, Stack)}
    if report.failed:
        for stack in stacks:
            report.sections.append((stack.project, recent_logs(stack, item.stash[STARTED])))
    return report


def recent_logs(stack: Stack, since: datetime | None = None) -> str:
    """Return the last lines of each service since a moment, without the requests that merely ask for health."""
    after = since.isoformat() if since else None
    parts = []
    for service in sorted(stack.config["services"]):
        lines = [line for line in stack.logs(service, since=after).splitlines() if _worth_reading(line)]
        if lines:
            parts.append(f"--- {service}\n" + "\n".join(lines[-LOG_LINES:]))
    return "\n".join(parts)


def _worth_reading(line: str) -> bool:
    try:
        document = json.loads(line)
    except ValueError:
        return True
    return "/readyz" not in str(document) and "/healthz" not in str(document)
