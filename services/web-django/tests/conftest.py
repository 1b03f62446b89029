"""Shared fixtures."""

from __future__ import annotations

from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from accounts.models import User
from django.contrib.auth.models import Group, Permission
from django.core.cache import BaseCache, cache, caches
from django.db import OperationalError, connection
from django.test import override_settings
from django.utils import timezone
from landfast_outbox import databases
from landfast_outbox.django.database import DjangoDatabase
from landfast_runtime.connections import Postgres
from landfast_testing.celery_signals import as_before
from landfast_testing.outbox import EMPTY, Outbox, make_tables
from landfast_testing.postgres import server
from mysite import settings as real_settings
from news.models import Article
from news.roles import EDITOR, MODERATOR, ensure_roles
from psycopg.errors import DiskFull

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

with as_before():  # its tests connect receivers themselves; they must not affect other tests
    import mysite.worker  # noqa: F401

PASSWORD = "eleven-tame-herons"


#: The tasks that were sent to the workers: the task's name and the id of its subject.
type Letters = list[tuple[str, int]]


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Letters:
    """Return the requested mails, in place of the broker."""
    sent: Letters = []
    for task in ("send_welcome", "send_verification", "send_password_reset"):
        monkeypatch.setattr(f"accounts.tasks.{task}.delay", lambda user_id, task=task: sent.append((task, user_id)))
    return sent


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    yield
    cache.clear()


@pytest.fixture
def away(monkeypatch: pytest.MonkeyPatch) -> BaseCache:
    """Return the cache of the real settings, whose Redis is an unused port."""
    monkeypatch.setattr("django_redis.pool.ConnectionFactory._pools", {})  # without another test's pause
    with override_settings(CACHES=real_settings.CACHES):
        return caches.create_connection("default")


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> None:  # noqa: ARG001 - makes the site's tables
    """Create the outbox's tables beside the site's."""
    make_tables(server().url(connection.settings_dict["NAME"]))


@pytest.fixture
def outbox(db: None) -> Outbox:  # noqa: ARG001 - opens the database
    """Return a reader of the tasks that the test sends."""

    def select(query: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(query)
            return list(cursor.fetchall())

    with connection.cursor() as cursor:
        cursor.execute(EMPTY)  # a test that commits leaves its tasks
    return Outbox(select)


@pytest.fixture
def at_work(transactional_db: None, outbox: Outbox) -> Iterator[None]:  # noqa: ARG001 - an empty table
    """Register the database like a worker."""
    postgres = server()
    name = str(connection.settings_dict["NAME"])
    databases.use(DjangoDatabase(Postgres(postgres.host, postgres.port, name, postgres.user, "")))
    yield
    databases._named.clear()  # noqa: SLF001 - a process never resets it


@pytest.fixture
def make_article(db: None) -> Callable[..., Article]:  # noqa: ARG001 - opens the database
    """Return a function that stores an article, published an hour ago by default."""

    def make(title: str = "On knots", published_at: datetime | None = None, **fields: Any) -> Article:  # noqa: ANN401
        values = {
            "slug": title.lower().replace(" ", "-"),
            "summary": f"Summary of {title}",
            "body": "First words.\n\nLast words.",
            "author_name": "Ada",
            "status": Article.Status.PUBLISHED,
            "published_at": published_at or timezone.now() - timedelta(hours=1),
        }
        return Article.objects.create(title=title, **(values | fields))

    return make


@pytest.fixture
def make_user(db: None) -> Callable[..., User]:  # noqa: ARG001 - opens the database
    """Return a function that stores a user whose password is :data:`PASSWORD`."""

    def make(username: str = "ada", email: str = "", **fields: Any) -> User:  # noqa: ANN401
        return User.objects.create_user(username, email or f"{username}@example.org", PASSWORD, **fields)

    return make


@pytest.fixture
def make_staff(make_user: Callable[..., User]) -> Callable[[str], User]:
    """Return a function that stores a member of staff with one of the newsroom's roles."""

    def make(role: str) -> User:
        ensure_roles()
        user = make_user(role, is_staff=True, first_name=role.title(), last_name="Ann")
        user.groups.add(Group.objects.get(name=role))
        return user

    return make


@contextmanager
def failing_queries(error: Exception) -> Iterator[None]:
    """Let every query fail with ``error`` within the block."""

    def fail(*_: object) -> NoReturn:
        raise error

    with connection.execute_wrapper(fail):
        yield


@pytest.fixture
def database_outage(db: None) -> Callable[[], AbstractContextManager[None]]:  # noqa: ARG001 - opens the database
    """Return a context within which every query fails, as it does while PostgreSQL is away."""
    return lambda: failing_queries(OperationalError("connection refused"))


@pytest.fixture
def full_disk(db: None) -> Callable[[], AbstractContextManager[None]]:  # noqa: ARG001 - as above
    """Return a context within which every query fails, as writes do while the disk of PostgreSQL is full."""
    error = OperationalError("could not extend file: No space left on device")
    error.__cause__ = DiskFull("could not extend file: No space left on device")
    return lambda: failing_queries(error)


@pytest.fixture
def editor(make_staff: Callable[[str], User]) -> User:
    """Return a user who may change and publish every article."""
    return make_staff(EDITOR)


@pytest.fixture
def moderator(make_staff: Callable[[str], User]) -> User:
    """Return a user who may approve comments."""
    return make_staff(MODERATOR)


@pytest.fixture
def writer(make_user: Callable[..., User]) -> User:
    """Return a user who may add articles, and change their own."""
    user = make_user("wanda")
    user.user_permissions.add(Permission.objects.get(content_type__app_label="news", codename="add_article"))
    return user
