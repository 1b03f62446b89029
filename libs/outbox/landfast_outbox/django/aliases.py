"""Django's connections to the databases with tasks: the default one, and applications' own databases.

``OUTBOX_DATABASES`` of the settings, a function, returns the names of the latter. On a laptop they change while the
process runs, so they are no aliases in ``DATABASES``: a thread creates an alias when a request needs it, and removes it
when the request ends.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from django.conf import settings
from django.core.signals import request_finished
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.dispatch import receiver

from landfast_outbox.databases import OWN_NAMES
from landfast_outbox.django.models import Task
from landfast_outbox.store import census

if TYPE_CHECKING:
    from landfast_outbox.store.census import Counts

#: An application may lock its own tables for any time, but that must not block operators' access to the others.
OPTIONS = f"{OWN_NAMES} -c lock_timeout=2s"

_opened = threading.local()
_BEGINNING = re.compile(r"[0-9A-Fa-f]{8,31}")


@dataclass(frozen=True)
class Standing:
    """The numbers of tasks in a database.

    Args:
        database: the database's name.
        counts: the numbers by state; None if the database cannot be read.
        problem: the reason if it cannot be read; otherwise empty.
    """

    database: str
    counts: Counts | None
    problem: str = ""


def names() -> list[str]:
    """Return the databases' names; the default one is the first."""
    others = getattr(settings, "OUTBOX_DATABASES", tuple)
    return list(dict.fromkeys([str(connections[DEFAULT_DB_ALIAS].settings_dict["NAME"]), *others()]))


def alias_of(name: str) -> str:
    """Return the alias of a database, for ``using``.

    Args:
        name: one of :func:`names`.
    """
    default = connections[DEFAULT_DB_ALIAS]
    if name == default.settings_dict["NAME"]:
        return DEFAULT_DB_ALIAS
    alias = f"outbox:{name}"
    aliases: set[str] = vars(_opened).setdefault("aliases", set())
    if alias not in aliases:
        own = default.copy(alias)
        own.settings_dict["NAME"] = name
        own.settings_dict["OPTIONS"]["options"] = OPTIONS
        connections[alias] = own
        aliases.add(alias)
    return alias


@receiver(request_finished)
def close(**_: object) -> None:
    """Close this thread's connections to applications' own databases."""
    aliases: set[str] = vars(_opened).pop("aliases", set())
    for alias in aliases:
        connections[alias].close()
        del connections[alias]


def stand(name: str) -> Standing:
    """Count the tasks of a database.

    Args:
        name: one of :func:`names`.

    Raises:
        django.db.Error: the default database cannot be read.
    """
    alias = alias_of(name)
    connection = connections[alias]
    try:
        with connection.cursor() as cursor, connection.wrap_database_errors:
            return Standing(name, census.counts(cursor.connection))
    except Error as error:
        if alias == DEFAULT_DB_ALIAS:
            raise
        return Standing(name, None, first_line(error))


def first_line(error: Error) -> str:
    """Return the first line of the server's or the driver's error message."""
    return str(error).strip().partition("\n")[0]


def identifiers(text: str) -> tuple[UUID, UUID] | None:
    """Return the first and the last id that a text may stand for; None if it stands for none.

    Args:
        text: an id, or its beginning of eight digits or more: the list shows the first eight.
    """
    try:
        whole = UUID(text.strip())
    except ValueError:
        digits = text.strip().replace("-", "")
    else:
        return whole, whole
    if not _BEGINNING.fullmatch(digits):
        return None
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def holder(text: str, first: str) -> str | None:
    """Return the name of the database with a task; None if no readable database has it, or the text is no id.

    Args:
        text: a text that may be a task's id, or the beginning of one.
        first: the database that is searched first.
    """
    found = identifiers(text)
    return next((name for name in dict.fromkeys([first, *names()]) if found and _has(name, found)), None)


def _has(name: str, found: tuple[UUID, UUID]) -> bool:
    try:
        return Task.objects.using(alias_of(name)).filter(pk__range=found).exists()
    except Error:
        if alias_of(name) == DEFAULT_DB_ALIAS:
            raise
        return False
