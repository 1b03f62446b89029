"""Django's connections to the databases whose tasks the admin shows: its default one, and those of applications' own.

``OUTBOX_DATABASES`` of the settings, a function, returns the names of the others. On a laptop they change while the
process runs, so they are no aliases of ``DATABASES``: a thread makes an alias when a request needs it, and drops it
when the request ends.
"""

from __future__ import annotations

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

#: An application may lock its tables for as long as it likes, but must not keep operators from the other ones.
OPTIONS = f"{OWN_NAMES} -c lock_timeout=2s"

_opened = threading.local()


@dataclass(frozen=True)
class Standing:
    """How the tasks of a database stand.

    Args:
        database: its name.
        counts: how many there are; None if the database cannot be read.
        problem: why it cannot be read; empty if it can.
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
    """Close this thread's connections to the databases of applications' own."""
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
        return Standing(name, None, told(error))


def told(error: Error) -> str:
    """Return what the server or the driver says of an error, in a line."""
    return str(error).strip().partition("\n")[0]


def holder(text: str, first: str) -> str | None:
    """Return the name of the database that has a task; None if none that can be read has it, or the text is no id.

    Args:
        text: what may be the id of a task.
        first: the database where it is looked for first.
    """
    try:
        identifier = UUID(text.strip())
    except ValueError:
        return None
    return next((name for name in dict.fromkeys([first, *names()]) if _has(name, identifier)), None)


def _has(name: str, identifier: UUID) -> bool:
    try:
        return Task.objects.using(alias_of(name)).filter(pk=identifier).exists()
    except Error:
        if alias_of(name) == DEFAULT_DB_ALIAS:
            raise
        return False
