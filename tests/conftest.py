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

from tests.support import command, operators, secrets
from tests.support.checkout import copy_checkout
from tests.support.forms import HOUSE, LAPTOP, LEDGER, LENGTHY, ORDER, SHIPPED, Form, FormChanger, chosen, wait_ready
from tests.support.inbox import Inbox
from tests.support.leftovers import remove_leftovers, remove_project
from tests.support.site import Site
from tests.support.stack import Stack
from tests.support.timing import measured

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

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


#: The fixtures of the stack under test, each with the form that it wants.
FORMS = {"stack": LAPTOP, "shipped": SHIPPED, "lengthy": LENGTHY, "victim": LEDGER, "house": HOUSE}
CHANGER = pytest.StashKey[FormChanger]()


def wanted_form(item: pytest.Item) -> Form | None:
    """Return the form of the stack that a test wants, none if it wants no stack."""
    names = set(getattr(item, "fixturenames", ()))
    call = getattr(item, "callspec", None)
    if call:
        names |= {str(value) for value in call.params.values()}
    wanted = {form for name, form in FORMS.items() if name in names}
    return max(wanted, key=ORDER.index, default=None)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Bring tests that want the same form of the stack together, and leave out those of forms that this run has not.

    The order stays otherwise. Tests that want no stack go with the first form.
    """
    wanted = {item: wanted_form(item) for item in items}
    items.sort(key=lambda item: ORDER.index(form) if (form := wanted[item]) else -1)
    here = chosen()
    left_out = [item for item in items if (wanted[item] or ORDER[0]) not in here]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if (wanted[item] or ORDER[0]) in here]


@pytest.fixture(scope="session")
def forms(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FormChanger]:
    """The one stack for all tests of a run, in the first form that they want.

    A laptop's is started by ``./stack up``, from a checkout whose path holds a space.
    """
    remove_leftovers()
    checkout = tmp_path_factory.mktemp("checkout") / "land fast"
    copy_checkout(checkout)
    first = next(form for item in request.session.items if (form := wanted_form(item)))
    forms = FormChanger(checkout, first)
    with running(forms.first, by_hand=first is LAPTOP):
        forms.add_schema(first)
        request.session.stash[CHANGER] = forms
        yield forms


@pytest.fixture(scope="session")
def stack(forms: FormChanger) -> Stack:
    """The stack as a laptop runs it."""
    return forms.take(LAPTOP)


@pytest.fixture(scope="session")
def shipped(forms: FormChanger) -> Stack:
    """The same stack without what only laptops want: what servers get."""
    return forms.take(SHIPPED)


@pytest.fixture
def ready(stack: Stack) -> Iterator[Stack]:
    """The laptop's stack for a test that breaks something: whole before it, and put together again after it."""
    with made_whole(stack):
        yield stack


@pytest.fixture(params=[pytest.param("stack", marks=pytest.mark.long), "shipped"])
def either(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """As ``ready``, once for the shipped stack and, in a long run, once for the laptop's, which reloads code."""
    stack: Stack = request.getfixturevalue(request.param)
    with made_whole(stack):
        yield stack


@pytest.fixture(scope="session")
def trusting(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Stack], Site]:
    """Make visitors who come over HTTPS and trust the stack's own authority, and no other."""
    directory = tmp_path_factory.mktemp("authorities")

    def visitor(of: Stack) -> Site:
        # Another form may have applications with names of their own, and so another certificate.
        path = directory / f"{of.project}-{'-'.join(of.files).replace('/', '-')}"
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
def operator(stack: Stack) -> Site:
    """A visitor who has logged in to the console as the first operator."""
    return log_in_to_console(stack, Site(stack.http_url))


def log_in_to_console(stack: Stack, site: Site) -> Site:
    """Make a visitor an operator, and return them: the first one, or another one where a second factor is required.

    A factor's code can be used once, so that operators who need one log in once.
    """
    variables = stack.config["services"]["console"]["environment"]
    if variables["OPERATORS_SECOND_FACTOR"] == "required":
        return operators.log_in(site, *operators.make(stack.execute))
    return operators.log_in(site, "operator", secrets.show(stack, "operator_password"))


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
def running(stack: Stack, *, by_hand: bool) -> Iterator[None]:
    """Start a stack, and remove it and its data at the end, whatever happens.

    Without a stack there is nothing to test, so the run ends, with what the services logged.

    Args:
        stack: which.
        by_hand: start it as a person does, who presses Ctrl-C in the middle of the build first: the second start goes
            on from there.
    """
    try:
        try:
            if by_hand:
                command.interrupt(stack)
                with measured("./stack up, images included"):
                    done = command.run(stack, "up", "--yes")
                assert done.returncode == 0, done.stdout
            else:
                stack.build()
                stack.up()
            wait_ready(stack)
        except AssertionError as error:
            pytest.exit(f"{stack.project} does not start: {error}\n{recent_logs(stack)}", returncode=1)
        yield
    finally:
        with measured("end of a stack"):
            remove_project(stack.project)  # all of its forms


@contextmanager
def made_whole(stack: Stack) -> Iterator[None]:
    """See that a stack is whole before the body, and put it together again after it."""
    wait_ready(stack)
    whole = stack.healthy_containers()
    try:
        yield
    finally:
        if stack.healthy_containers() != whole or len(whole) < len(stack.long_running):
            with measured("repair of a stack"):
                repair(stack)
        wait_ready(stack)


def repair(stack: Stack) -> None:
    """Start what is missing."""
    paused = [name for name, status in stack.statuses(*stack.long_running).items() if status == "paused"]
    if paused:
        stack.unpause(*paused)
    stack.start_again()
    stack.wait_healthy(*stack.long_running)


STARTED = pytest.StashKey[datetime]()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Note when the test began, and give the stack the form that it wants."""
    item.stash[STARTED] = datetime.now(UTC)
    form, forms = wanted_form(item), item.session.stash.get(CHANGER, None)
    if form and forms:
        forms.take(form)


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
