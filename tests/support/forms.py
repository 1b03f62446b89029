"""The one stack under test, and the forms that it takes: started once, changed where tests want another form."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.site import Site
from tests.support.stack import STACK_START, Ports, Stack
from tests.support.timing import measured
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

#: What the form before has not done: the next one has other tasks, and perhaps no mail server.
_FORGET = "DELETE FROM outbox.task WHERE completed_at IS NULL"


@dataclass(frozen=True)
class Form:
    """The part of the repository that is started.

    Args:
        name: for messages.
        files: the Compose files; without any, Compose takes those that a laptop has.
        variables: what a user would put into ``.env``.
        schema: SQL for the database, relative to the checkout.
        own: the services whose images no other form has.
    """

    name: str
    files: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict, compare=False)
    schema: str = ""
    own: tuple[str, ...] = ()


#: Another name of the shipped site, for tests of what Nginx does only for a real name. It resolves nowhere.
NAME = "www.landfast.test"

LAPTOP = Form("laptop")
#: What servers get: nothing reloads code, cookies are for HTTPS, static files have hashed names.
SHIPPED = Form("shipped", ("compose.yaml",), {"ALLOWED_HOSTS": f"localhost,127.0.0.1,[::1],{NAME}"})
#: The shipped services with somebody's tasks that take long, and somebody's application beside the demo's.
LENGTHY = Form(
    "lengthy",
    ("compose.yaml", "tests/stack/lengthy.yaml", "tests/stub/compose.yaml", "tests/stub/listed.yaml"),
    {"COMPOSE_PROFILES": "dramatiq", "OUTBOX_LOST_AFTER": "5"},
    own=("stub-echo",),
)
#: The shipped services with the chaos suite's ledger in them.
LEDGER = Form(
    "ledger",
    ("compose.yaml", "tests/chaos/compose.yaml"),
    {"COMPOSE_PROFILES": "dramatiq"},
    "tests/chaos/schema.sql",
    ("recorder",),
)

#: The house without the demo: the stub is all that lives in it.
HOUSE = Form("house", ("compose.house.yaml", "tests/stub/compose.yaml", "tests/stub/alone.yaml"), own=("stub-echo",))

#: Tests run in this order, by the form that they want. Nothing of the demo is there after the last.
ORDER = (LAPTOP, SHIPPED, LENGTHY, LEDGER, HOUSE)

#: Names the forms whose tests a run has, apart by commas: two runs side by side share the work of one. All by default.
VARIABLE = "STACK_FORMS"


def chosen() -> tuple[Form, ...]:
    """Return the forms whose tests this run has, in their order.

    Raises:
        ValueError: the variable names a form that is none.
    """
    names = [name for name in os.environ.get(VARIABLE, "").split(",") if name] or [form.name for form in ORDER]
    known = {form.name: form for form in ORDER}
    if unknown := set(names) - known.keys():
        raise ValueError(f"{VARIABLE}: {', '.join(sorted(unknown))} is none of {', '.join(known)}")
    return tuple(form for form in ORDER if form.name in names)


class FormChanger:
    """Gives one project the form that a test wants.

    Args:
        directory: the checkout that it is started from.
        first: the form that it starts with.
    """

    def __init__(self, directory: Path, first: Form) -> None:
        project, ports = Stack().project, Ports.free()
        self._stacks = {form: Stack(project, directory, ports, form.files, dict(form.variables)) for form in ORDER}
        self._current = first
        self._missed: set[Form] = set()

    @property
    def first(self) -> Stack:
        """The stack in the form that it starts with."""
        return self._stacks[self._current]

    def take(self, form: Form) -> Stack:
        """Return the stack in a form; what differs from the form before is replaced, data and secrets stay.

        Raises:
            AssertionError: it does not get healthy. The tests that follow fail at once: each would wait as long.
        """
        stack = self._stacks[form]
        if form in self._missed:
            raise AssertionError(f"the stack did not take the form {form.name}: see the first failure")
        if form is not self._current:
            self._missed.add(form)
            with measured(f"change to the form {form.name}"):
                _tell_database(stack, _FORGET)
                if form.own:
                    stack.compose("build", *form.own, timeout=STACK_START)
                stack.up()
                self.add_schema(form)
                wait_ready(stack)
            self._missed.discard(form)
            self._current = form
        return stack

    def add_schema(self, form: Form) -> None:
        """Give the database what a form keeps there."""
        stack = self._stacks[form]
        if form.schema:
            _tell_database(stack, (stack.directory / form.schema).read_text(encoding="utf-8"))


def _tell_database(stack: Stack, statements: str) -> None:
    stack.execute("postgres", "psql", "--no-psqlrc", "--quiet", "--command", statements, "landfast")


def reasons(stack: Stack) -> dict[str, Any]:
    """Return the report of ``/readyz`` with the reasons, which operators and the doctor see."""
    report: dict[str, Any] = json.loads(stack.execute("console", "python", "-m", "console.report"))
    return report


def wait_ready(stack: Stack) -> dict[str, Any]:
    """Wait until the site says that every dependency serves, and return what it says of them.

    On a slow machine it may say now and then that one does not: none is waited for longer than two seconds.
    """
    site = Site(stack.http_url)
    answer = wait_until(
        lambda: site.probe("/readyz"), 90, lambda: f"/readyz: {site.probe('/readyz').body}", interval=0.3
    )
    report: dict[str, Any] = json.loads(answer.body)
    return report
