"""Fixtures for all tests of the console."""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import psycopg
import pytest
from allauth.account.authentication import AUTHENTICATION_METHODS_SESSION_KEY
from console.roles import ensure_roles
from django.contrib.auth.models import Group, User
from django.core.cache import cache
from django.db import OperationalError, connection
from landfast_outbox.django.roles import OPERATOR
from landfast_runtime import health
from landfast_testing.outbox import EMPTY, Outbox, make_tables
from landfast_testing.postgres import server
from landfast_testing.waiting import DEADLINE

from console import attempts, readiness

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from django.test import Client

PASSWORD = "eleven-tame-herons"
#: The database of an application, by its contract. (tests/__init__.py)
SHOP = "shop"


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:  # noqa: ARG001 - makes the console's tables
    """Make the outbox's tables in the console's database, and in one of an application's own."""
    server().make_database(SHOP)
    for name in (connection.settings_dict["NAME"], SHOP):
        make_tables(server().url(name))


@pytest.fixture
def outbox(db: None) -> Outbox:  # noqa: ARG001 - opens the database
    """Return a reader of the tasks; the table is empty."""

    def select(query: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    with connection.cursor() as cursor, psycopg.connect(server().dsn(SHOP)) as shop:
        cursor.execute(EMPTY)
        shop.execute(EMPTY)
    return Outbox(select)


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:  # noqa: ARG001 - opens the database
    """Return a function that stores a user whose password is :data:`PASSWORD`."""

    def make(username: str = "ada", **fields: Any) -> User:  # noqa: ANN401 - of the model
        return User.objects.create_user(username, f"{username}@example.org", PASSWORD, **fields)

    return make


@pytest.fixture
def make_operator(make_user: Callable[..., User], client: Client) -> Callable[[str, str], User]:
    """Return a function that stores an operator of a group, and logs in as this."""

    def make(username: str, group: str) -> User:
        ensure_roles()
        user = make_user(username, is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        enter(client, user)
        return user

    return make


@pytest.fixture
def operator(make_operator: Callable[[str, str], User]) -> User:
    """An operator with the rights on tasks, logged in."""
    return make_operator("olga", OPERATOR)


@pytest.fixture(autouse=True)
def _no_failures_yet() -> None:
    """Forget the failed logins of other tests."""
    attempts.failures.clear()
    cache.clear()


def enter(client: Client, user: User, *methods: str, age: float = 0) -> None:
    """Log a user in as the login page does.

    Args:
        client: the browser.
        user: the user.
        methods: what the user has shown; by default the password and a second factor.
        age: seconds since then.
    """
    client.force_login(user)
    session = client.session
    at = time.time() - age
    session[AUTHENTICATION_METHODS_SESSION_KEY] = [
        {"method": method, "at": at} for method in methods or ("password", "mfa")
    ]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Exception | None]]:
    """Return the result of each dependency's check, None or an error, in place of the real checks."""
    found: dict[str, Exception | None] = dict.fromkeys(readiness.checks())

    def check_of(name: str) -> Callable[[], None]:
        def check() -> None:
            if (failure := found[name]) is not None:
                raise failure

        return check

    monkeypatch.setattr(readiness, "checks", lambda: {name: check_of(name) for name in found})
    readiness.shared_report.forget()
    yield found
    readiness.shared_report.forget()


@pytest.fixture
def database_outage(db: None) -> Callable[[], AbstractContextManager[None]]:  # noqa: ARG001 - opens the database
    """Return a context in which every query fails, as during an outage of PostgreSQL."""

    @contextmanager
    def away() -> Iterator[None]:
        def fail(*_: object) -> NoReturn:
            raise OperationalError("connection refused")

        with connection.execute_wrapper(fail):
            yield

    return away


@pytest.fixture(autouse=True)
def _unhurried_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give checks that answer at once long: a busy machine may hold a test up for seconds."""
    monkeypatch.setattr(health, "CHECK_TIMEOUT", DEADLINE)
