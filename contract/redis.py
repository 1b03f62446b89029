"""The users of the two Redis servers, and what each may do there.

https://redis.io/docs/latest/operate/oss_and_stack/management/security/acl/
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from contract.named import below, once

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from contract.files import Contract

#: What contracts call the servers: the service that each is.
SERVERS = {"state": "redis", "cache": "redis-cache"}

#: What every user may do with its own keys and channels: Redis' categories, without commands that show or change what
#: belongs to others, and with those that clients need nevertheless.
COMMANDS = (
    *("-@all", "+@read", "+@write", "+@transaction", "+@connection"),
    "+@pubsub",  # waiting for Celery's results
    *("-@admin", "-@dangerous"),  # CONFIG, ACL, SHUTDOWN, FLUSHALL, KEYS ...
    *("-scan", "-randomkey", "-dbsize", "-pubsub", "-client|tracking"),  # they tell of other users' keys and channels
    *("-function", "+eval", "+eval_ro", "+evalsha", "+evalsha_ro"),  # functions are shared, scripts are the caller's
    *("+script|load", "+script|exists"),  # how clients store a script that they call by its digest
    "+time",  # Celery's scripts, where Redis is its broker
)


def users(contracts: Sequence[Contract], server: str) -> dict[str, Mapping[str, Any]]:
    """Return user -> what its contract says, for the users of one server.

    Args:
        contracts: all of them.
        server: ``state`` or ``cache``.

    Raises:
        ContractError: two contracts have the same user.
    """
    named = once(below(contracts, "redis", "users"))
    return {name: entry for name, entry in named.items() if server in entry.get("servers", SERVERS)}


def acl(contracts: Sequence[Contract], server: str) -> str:
    """Return a line for each user of a server in the form of Redis' configuration, without its password.

    Raises:
        ContractError: as :func:`users`.
    """
    return "".join(f"user {name} {' '.join(_rules(name, entry))}\n" for name, entry in users(contracts, server).items())


def _rules(name: str, entry: Mapping[str, Any]) -> list[str]:
    own = [f"{name}:*"]
    return [
        *("on", "resetchannels"),
        *(f"~{pattern}" for pattern in entry.get("keys", own)),
        *(f"%R~{pattern}" for pattern in entry.get("reads", ())),
        *(f"&{pattern}" for pattern in entry.get("channels", own)),
        *COMMANDS,
        *(f"+{command}" for command in entry.get("commands", ())),
    ]
