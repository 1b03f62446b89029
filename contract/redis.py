"""The users of the two Redis servers, with their permissions.

https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from contract.errors import ContractError
from contract.files import HOUSE
from contract.named import below, unique

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contract.files import Contract

#: The servers' names in contracts -> their services.
SERVERS = {"state": "redis", "cache": "redis-cache"}

#: The commands of every user, for its own keys and channels: Redis' categories, without commands that show or change
#: others' data, and with those of them that clients need nevertheless.
COMMANDS = (
    *("-@all", "+@read", "+@write", "+@transaction", "+@connection"),
    "+@pubsub",  # waiting for Celery's results
    *("-@admin", "-@dangerous"),  # CONFIG, ACL, SHUTDOWN, FLUSHALL, KEYS ...
    *("-scan", "-randomkey", "-dbsize", "-pubsub", "-client|tracking"),  # they show other users' keys and channels
    *("-function", "+eval", "+eval_ro", "+evalsha", "+evalsha_ro"),  # functions are shared, scripts are not
    *("+script|load", "+script|exists"),  # for clients that store a script and call it by its digest
    "+time",  # for Celery's scripts if Redis is its broker
)


def users(contracts: Sequence[Contract], server: str) -> dict[str, Mapping[str, Any]]:
    """Return user -> its entry in the contract, for the users of one server.

    Args:
        contracts: all contracts.
        server: ``state`` or ``cache``.

    Raises:
        ContractError: two contracts have the same user, an application's user has all commands, or two applications
            would write the same keys.
    """
    for file, name, entry in below(contracts, "redis", "users"):
        if file != HOUSE and "@all" in entry.get("commands", ()):
            raise ContractError(f"{file}: redis.users.{name}.commands: only the house's operator has @all")
    named = unique(below(contracts, "redis", "users"))
    _check_apart(contracts, server)
    return {name: entry for name, entry in named.items() if server in entry.get("servers", SERVERS)}


def _check_apart(contracts: Sequence[Contract], server: str) -> None:
    """Make sure that no two applications write the same keys: two products without a prefix would share their cache.

    Raises:
        ContractError: two do, as far as the beginnings of their patterns show.
    """
    taken: list[tuple[str, str]] = []
    for file, name, entry in below(contracts, "redis", "users"):
        if file == HOUSE or server not in entry.get("servers", SERVERS):
            continue
        for pattern in entry.get("keys", _own(name)):
            for other, owner in taken:
                if owner != file and _may_meet(pattern, other):
                    raise ContractError(
                        f"{file}: redis.users.{name}.keys: {pattern} and {other} of {owner} have keys in common; give "
                        "one of the applications a prefix, or let them use different servers"
                    )
            taken.append((pattern, file))


def _may_meet(one: str, other: str) -> bool:
    """Return whether a key may match both patterns, by their parts before the first wildcard."""
    (short, wild), (long, _) = sorted(
        ((re.split(r"[*?]", each)[0], each) for each in (one, other)), key=lambda each: len(each[0])
    )
    return long.startswith(short) and (wild != short or long == short)


def _own(name: str) -> list[str]:
    """Return the default patterns of a user's keys and channels."""
    return [f"{name}:*"]


def acl(contracts: Sequence[Contract], server: str) -> str:
    """Return a line of Redis' configuration for each user of a server, without the password.

    Raises:
        ContractError: as :func:`users`.
    """
    return "".join(f"user {name} {' '.join(_rules(name, entry))}\n" for name, entry in users(contracts, server).items())


def _rules(name: str, entry: Mapping[str, Any]) -> list[str]:
    own = _own(name)
    return [
        *("on", "resetchannels"),
        *(f"~{pattern}" for pattern in entry.get("keys", own)),
        *(f"%R~{pattern}" for pattern in entry.get("reads", ())),
        *(f"&{pattern}" for pattern in entry.get("channels", own)),
        *COMMANDS,
        *(f"+{command}" for command in entry.get("commands", ())),
    ]
