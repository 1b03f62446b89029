"""Names for applications: services, networks, a host, a module, a database and its role have the same name."""

from __future__ import annotations

import keyword
import re
import sys
from typing import TYPE_CHECKING

from cli import applications, services
from cli.app import forms
from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: A secret's name is postgres_NAME_password; in Swarm the stack's name precedes it, and a hash follows.
LONGEST = 32
#: Names that PostgreSQL, Compose or the house use. Names of schemas' owners end with ``_owner``; entries of /readyz for
#: databases with durable tasks begin with ``outbox-``.
RESERVED = {"default", "landfast", "none", "postgres", "public", "template0", "template1"}
#: Names beside the application's package in its room.
BESIDE = {"manage", "tests"}
#: Keys of a contract, which are no names.
KEYS = {
    *("schemas", "databases", "roles", "vhosts", "users", "owner", "user", "extensions", "member_of", "queue_type"),
    *("vhost", "configure", "write", "read", "tags", "database", "broker"),
}

_FORM = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_NEEDS = re.compile(r"^  (?:database|broker):(.*\n(?:    .*\n|\s*\n)*)", re.MULTILINE)
_KEY = re.compile(r"([a-z_][a-z0-9_]*):")
_NETWORKS = re.compile(r"^networks:\n((?:  .*\n|\s*\n)*)", re.MULTILINE)
_NETWORK = re.compile(r"^  ([a-z0-9][a-z0-9_-]*):", re.MULTILINE)


def identifier(name: str) -> str:
    """Return the name in the form of Python and PostgreSQL."""
    return name.replace("-", "_")


def check(name: str, form: str, root: Path, *, has_code: bool = False) -> None:
    """Make sure that an application can have the name.

    Args:
        name: the name.
        form: one of :data:`forms.FORMS`.
        root: the checkout.
        has_code: whether its package exists already, with a name of its own.

    Raises:
        StackError: it cannot; the message has the reason and a possible name.
    """
    problem = next(_problems(name, form, root, has_code=has_code), "")
    if problem:
        free = "store" if name == "shop" else "shop"
        raise StackError(
            f"{name!r} is not a valid name for an application: {problem}", f"choose another, such as `{free}`"
        )


def _problems(name: str, form: str, root: Path, *, has_code: bool) -> Iterator[str]:
    if not _FORM.fullmatch(name) or len(name) > LONGEST:
        yield f"it must have a-z, 0-9 and single hyphens, begin with a letter, and be no longer than {LONGEST}"
    if name in RESERVED or name.startswith(("pg-", "outbox-")) or name.endswith("-owner"):
        yield "it is reserved"
    if "python" in forms.FORMS[form] and not has_code:
        yield from _python_problems(identifier(name), form)
    if (root / "services" / name).exists():
        yield f"services/{name} exists already, and is not overwritten"
    taken = set(services.names((*applications.files("", root), *applications.files("override", root))))
    for service in (name, f"{name}-worker", f"migrate-{name}"):
        if service in taken:
            yield f"there is a service {service} already"
    found = {(kind, word) for path in applications.files("", root) for kind, word in _declared(path)}
    for kind, word in (("network", name), ("network", f"{name}-data"), ("database, role or vhost", identifier(name))):
        if (kind, word) in found:
            yield f"there is a {kind} {word} already"


def _python_problems(module: str, form: str) -> Iterator[str]:
    if keyword.iskeyword(module):
        yield "it is a keyword of Python"
    if module in getattr(sys, "stdlib_module_names", ()):  # Python 3.9 does not know
        yield f"Python has a module {module}"
    if module in forms.packages(form):
        yield f"the application uses a package {module}"
    if module in BESIDE:
        yield f"{module} is the name of a file beside the application's package"


def _declared(path: Path) -> Iterator[tuple[str, str]]:
    """Yield kind and name of each declaration in a room's file, which is not parsed: Python has no reader of YAML."""
    text = path.read_text(encoding="utf-8")
    for section in _NETWORKS.findall(text):
        yield from (("network", network) for network in _NETWORK.findall(section))
    for needs in _NEEDS.findall(text):
        yield from (("database, role or vhost", word) for word in _KEY.findall(needs) if word not in KEYS)
