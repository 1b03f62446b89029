"""Variables with placeholders: what products want as ``DATABASE_URL`` and the like, filled in inside the container.

A service's ``x-environment`` becomes a script that sets the variables and runs a command: ``sh
/run/secrets/with-environment COMMAND...``. It holds secrets, and is one: nothing of it is in ``docker inspect``.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from contract import redis
from contract.errors import ContractError
from contract.hosts import own_host
from contract.named import below
from contract.postgres import owner

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from contract.files import Contract

#: The script's name in /run/secrets. It runs in any image that has a POSIX shell.
SCRIPT = "with-environment"

_PLACEHOLDER = re.compile(r"\{([a-z][a-z0-9_.]*)(\|url)?\}")
_SECRET = "secret."  # noqa: S105 - what a placeholder begins with
#: The application's own address: the stack's, which the container knows, with the application's host if it has one.
_PUBLIC_URL = "public_url"
_ADDRESS = """\
public_url=${PUBLIC_URL:?is not set: extend the template application or migration}
public_url=${public_url%/}"""
#: Loopback addresses and names below ``localhost`` are a laptop's. A port may follow the brackets of an IPv6 address.
_WITH_HOST = """
case $public_url in
    *://localhost | *://localhost:* | *://*.localhost | *://*.localhost:*) host=LAPTOP ;;
    *://127.[0-9]* | *://'[::1]'*) host=LAPTOP ;;
    *) host=SERVER ;;
esac
case ${public_url##*]} in
    *:[0-9]*) public_url=${public_url%%://*}://$host:${public_url##*:} ;;
    *) public_url=${public_url%%://*}://$host ;;
esac"""
#: The mail server's settings in the container: placeholder -> variable, of compose.templates.yaml or of smtp.sh.
_MAIL = {
    "smtp.host": "SMTP_HOST",
    "smtp.port": "SMTP_PORT",
    "smtp.user": "SMTP_USER",
    "smtp.tls": "SMTP_TLS",
    "smtp.use_tls": "smtp_use_tls",
    "smtp.use_ssl": "smtp_use_ssl",
    "smtp.url": "smtp_url",
    "smtp.dsn": "smtp_dsn",
    "mail_from": "MAIL_FROM",
    "mail_from.address": "mail_address",
}
#: The database that all share: the container knows its name.
_SHARED = "{postgres_db}"
_NAMED = "{POSTGRES_DB:?is not set: extend the template application, periodic or migration}"
_SMTP = Path(__file__).with_name("smtp.sh")


def script(variables: Mapping[str, str], contract: Contract, secrets: Collection[str], service: str) -> str:
    """Return the script; secrets in it are still placeholders.

    Args:
        variables: what ``x-environment`` says.
        contract: that of the application.
        secrets: the names of all secrets.
        service: whose they are.

    Raises:
        ContractError: a placeholder stands for nothing.
    """
    hosts = (contract.needs.get("http") or {}).get("hosts") or ()
    inside = {f"{{{name}}}": variable for name, variable in {_PUBLIC_URL: _PUBLIC_URL, **_MAIL}.items()}
    known = {**_known(contract), **{name[1:-1]: name for name in inside}, "smtp.password": "{secret.smtp_password}"}
    if hosts:
        known["hosts"] = ",".join(hosts)

    def expand(found: re.Match[str]) -> str:
        name = found[1]
        if name.startswith(_SECRET) and name.removeprefix(_SECRET) in secrets:
            return found[0]
        if name in known:
            return known[name]
        there = [*known, *(_SECRET + secret for secret in secrets)]
        close = get_close_matches(name, there, 1)
        raise ContractError(
            f"{contract.file}: services.{service}.x-environment: nothing is called {{{name}}}; {_hint(close, known)}"
        )

    exports = " \\\n    ".join(
        f"{name}={_quoted(_PLACEHOLDER.sub(expand, value))}" for name, value in variables.items()
    )
    head = ["#!/bin/sh"]
    if f"{{{_PUBLIC_URL}}}" in exports:
        head += [_ADDRESS + (_with_host(hosts) if hosts else "")]
    if "{smtp.url}" in exports or "{smtp.dsn}" in exports:
        head += ["smtp_password='{secret.smtp_password|url}'"]
    if any(f"{{{name}}}" in exports for name in _MAIL):
        head += [_SMTP.read_text(encoding="utf-8").removeprefix("#!/bin/sh\n")]
    for placeholder, variable in {**inside, _SHARED: _NAMED}.items():
        exports = exports.replace(placeholder, f"""'"${variable}"'""")
    # One command: the shell fills in all values before it sets the first variable, which may be one that a value wants.
    return "\n".join([*head, *([f"export {exports}"] if exports else []), 'exec "$@"', ""])


def _with_host(hosts: Sequence[str]) -> str:
    """Return the lines that put the first host name in place of the stack's own, on servers the first real one."""
    laptop, server = (own_host(hosts, on_servers=on_servers) for on_servers in (False, True))
    return _WITH_HOST.replace("LAPTOP", laptop).replace("SERVER", server)


def fill(content: str, read: Callable[[str], str]) -> str:
    """Return a derived file's content with its secrets; one that is filled into quotes is quoted for the shell.

    Args:
        content: as :func:`script` made it. Other files have no such placeholder.
        read: returns a secret's value; empty, if it is an optional one that nobody has set.
    """

    def put(found: re.Match[str]) -> str:
        value = read(found[1].removeprefix(_SECRET)).rstrip("\n")
        return (quote(value, safe="") if found[2] else value).replace("'", r"'\''")

    return _PLACEHOLDER.sub(lambda found: put(found) if found[1].startswith(_SECRET) else found[0], content)


def _known(contract: Contract) -> dict[str, str]:
    """Return placeholder -> what it stands for: each login by its name, and the only one of its kind without a name."""
    postgres = ("postgresql", "postgres", "5432", "name")
    own = {
        name: _login(*postgres, entry.get("owner", name), name)
        for _, name, entry in below([contract], "database", "databases")
    }
    schemas = [
        (entry.get("user", name), owner(name, entry)) for _, name, entry in below([contract], "database", "schemas")
    ]
    shared = {role: _login(*postgres, role, _SHARED) for roles in schemas for role in roles if role}
    broker = {
        name: _login("amqp", "rabbitmq", "5672", "vhost", name, entry.get("vhost", "landfast"))
        for _, name, entry in below([contract], "broker", "users")
    }
    kinds = {
        "database": {**shared, **own},
        "broker": broker,
        "redis": _redis(contract, "state"),
        "redis.cache": _redis(contract, "cache"),
    }
    only = {begin: logins for begin, logins in kinds.items() if len(logins) == 1}
    if len(own or schemas) == 1:
        only["database"] = own or shared  # a schema's first role is the one that uses it
    named = {f"{begin}.{name}": parts for begin, logins in kinds.items() for name, parts in logins.items()}
    unnamed = {begin: next(iter(logins.values())) for begin, logins in only.items()}
    return {f"{begin}.{part}": value for begin, parts in {**named, **unnamed}.items() for part, value in parts.items()}


def _redis(contract: Contract, server: str) -> dict[str, dict[str, str]]:
    return {
        user: _login("redis", redis.SERVERS[server], "6379", "db", user, "0")
        for user in redis.users([contract], server)
    }


def _login(scheme: str, host: str, port: str, word: str, user: str, path: str) -> dict[str, str]:
    """Return the parts of a login, and its URL; ``word`` is the path's name."""
    server = "redis" if scheme == "redis" else host
    secret = f"secret.{server}_{user}_password"
    url = f"{scheme}://{user}:{{{secret}|url}}@{host}:{port}/{path}"
    return {"url": url, "host": host, "port": port, "user": user, "password": f"{{{secret}}}", word: path}


def _hint(close: list[str], known: Collection[str]) -> str:
    if close:
        return f"did you mean {{{close[0]}}}?"
    return f"there are: {', '.join(known)}{', ' if known else ''}secret.NAME"


def _quoted(value: str) -> str:
    """Return a value for the shell; its placeholders stay as they are."""
    return "'" + value.replace("'", r"'\''") + "'"
