"""Names for applications: a name becomes that of services, networks, a host, a module, a database and its role."""

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

#: A secret is called postgres_NAME_password, and Swarm's name of it has the stack's before and a hash behind.
LONGEST = 32
#: Names that PostgreSQL or Compose keep for themselves, and those of what the house has for all. Owners of schemas are
#: called ``NAME_owner``; /readyz has durable tasks in a database of its own under a name that begins with ``outbox-``.
RESERVED = {"default", "landfast", "none", "postgres", "public", "template0", "template1"}
#: What stands beside the application's package in its room.
BESIDE = {"manage", "tests"}
#: Words of a contract that are no names in it.
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
    """Return the name as Python and PostgreSQL write it."""
    return name.replace("-", "_")


def check(name: str, form: str, root: Path, *, has_code: bool = False) -> None:
    """Make sure that an application can have the name.

    Args:
        name: what somebody typed.
        form: what it is made from.
        root: the checkout.
        has_code: whether its package was there before, under a name of its own.

    Raises:
        StackError: it cannot; the message says why, and what would do.
    """
    problem = next(_problems(name, form, root, has_code=has_code), "")
    if problem:
        free = "store" if name == "shop" else "shop"
        raise StackError(f"{name!r} is no name for an application: {problem}", f"choose another, such as `{free}`")


def _problems(name: str, form: str, root: Path, *, has_code: bool) -> Iterator[str]:
    if not _FORM.fullmatch(name) or len(name) > LONGEST:
        yield f"it must be small letters, digits and single hyphens, begin with a letter, and have {LONGEST} at most"
    if name in RESERVED or name.startswith(("pg-", "outbox-")) or name.endswith("-owner"):
        yield "it is reserved"
    if "python" in forms.FORMS[form] and not has_code:
        yield from _python_problems(identifier(name), form)
    if (root / "services" / name).exists():
        yield f"services/{name} is there already, and nothing there is overwritten"
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
        yield "it is a word of Python's"
    if module in getattr(sys, "stdlib_module_names", ()):  # Python 3.9 does not know
        yield f"Python has a module {module}"
    if module in forms.packages(form):
        yield f"a package that the application uses is called {module}"
    if module in BESIDE:
        yield f"{module} stands beside the application's package"


def _declared(path: Path) -> Iterator[tuple[str, str]]:
    """Yield what a room's file declares, by the look of it: kind and name."""
    text = path.read_text(encoding="utf-8")
    for section in _NETWORKS.findall(text):
        yield from (("network", network) for network in _NETWORK.findall(section))
    for needs in _NEEDS.findall(text):
        yield from (("database, role or vhost", word) for word in _KEY.findall(needs) if word not in KEYS)
