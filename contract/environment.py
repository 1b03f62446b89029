"""Variables with placeholders, such as a product's ``DATABASE_URL``, which are filled in inside the container.

The script derived from a service's ``x-environment`` sets the variables and runs a command: ``sh
/run/secrets/with-environment COMMAND...``. It contains secrets, and is handled like one: ``docker inspect`` shows none.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from contract import redis
from contract.errors import ContractError
from contract.hosts import own_host
from contract.named import below, nearest
from contract.postgres import owner

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from contract.files import Contract

#: The script's name in /run/secrets. It runs in any image with a POSIX shell.
SCRIPT = "with-environment"

#: A placeholder. After a dollar sign a brace is a character like others, written $${.
_PLACEHOLDER = re.compile(r"(?<!\$)\{([a-z][a-z0-9_.]*)(\|url)?\}")
_SECRET = "secret."  # noqa: S105 - the prefix of a placeholder
#: A placeholder, or an attempt at one: not closed, with spaces, in capitals, or in two braces.
_ATTEMPT = re.compile(
    r"(?P<before>\{?)(?P<written>\{\s*"
    r"(?P<name>(database|broker|redis|smtp|secret|mail_from)\.[\w.]+|(public_url|hosts|mail_from)(?=\s*(\}|\Z)))"
    r"(\|url)?\s*\}?)(?P<after>\}?)",
    re.IGNORECASE | re.ASCII,
)
#: The needs that a login's placeholders require: the keys, and an example.
_REQUIRED = {
    "database": "database.databases or database.schemas: database: {databases: {shop: {}}}",
    "broker": "broker.users: broker: {vhosts: {shop: {}}, users: {shop: {vhost: shop}}}",
    "redis": "redis.users with the server state: redis: {users: {shop: {}}}",
    "redis.cache": "redis.users with the server cache: redis: {users: {shop: {}}}",
}
#: The application's address: the stack's, with the application's own host name if it has one.
_PUBLIC_URL = "public_url"
_ADDRESS = """\
public_url=${PUBLIC_URL:?is not set: extend the template application or migration}
public_url=${public_url%/}"""
#: Loopback addresses and names below ``localhost`` are those of a laptop. An IPv6 address is in brackets.
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
#: The mail server's settings in the container: placeholder -> variable of compose.templates.yaml or smtp.sh.
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
#: The shared database, whose name is in the container's environment.
_SHARED = "{postgres_db}"
_NAMED = "{POSTGRES_DB:?is not set: extend the template application, periodic or migration}"
_SMTP = Path(__file__).with_name("smtp.sh")


def script(variables: Mapping[str, str], contract: Contract, secrets: Collection[str], service: str) -> str:
    """Return the script; secrets in it are still placeholders.

    Args:
        variables: the service's ``x-environment``.
        contract: the application's contract.
        secrets: the secrets that the service may read.
        service: the service.

    Raises:
        ContractError: a placeholder is unknown, or not written like one.
    """
    where = f"{contract.file}: services.{service}.x-environment"
    hosts = contract.get("http", "hosts")
    inside = {f"{{{name}}}": variable for name, variable in {_PUBLIC_URL: _PUBLIC_URL, **_MAIL}.items()}
    logins = _logins(contract)
    known = {
        **_known(contract, logins),
        **{name[1:-1]: name for name in inside},
        "smtp.password": "{secret.smtp_password}",
    }
    if hosts:
        known["hosts"] = ",".join(hosts)

    def expanded(variable: str, value: str) -> str:
        def expand(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith(_SECRET) and name.removeprefix(_SECRET) in secrets:
                return found[0]
            if name in known:
                return known[name]
            remedy = _remedy(name, logins, [*known, *(_SECRET + secret for secret in secrets)])
            remedy = remedy or f"known: {', '.join([*known, 'secret.NAME'])}"
            raise ContractError(f"{where}.{variable}: unknown placeholder {{{name}}}; {remedy}")

        _check_attempts(value, f"{where}.{variable}")
        return _quoted(_PLACEHOLDER.sub(expand, value).replace("$${", "${"))

    exports = " \\\n    ".join(f"{name}={expanded(name, value)}" for name, value in variables.items())
    head = ["#!/bin/sh"]
    if f"{{{_PUBLIC_URL}}}" in exports:
        head += [_ADDRESS + (_with_host(hosts) if hosts else "")]
    if "{smtp.url}" in exports or "{smtp.dsn}" in exports:
        head += ["smtp_password='{secret.smtp_password|url}'"]
    if any(f"{{{name}}}" in exports for name in _MAIL):
        head += [_SMTP.read_text(encoding="utf-8").removeprefix("#!/bin/sh\n")]
    for placeholder, variable in {**inside, _SHARED: _NAMED}.items():
        exports = exports.replace(placeholder, f"""'"${variable}"'""")
    # One command: the shell expands all values before it sets the first variable, which another value may use.
    return "\n".join([*head, *([f"export {exports}"] if exports else []), 'exec "$@"', ""])


def _with_host(hosts: Sequence[str]) -> str:
    """Return the lines that replace the stack's host name by the first of ``hosts``, on servers by the first real."""
    laptop, server = (own_host(hosts, on_servers=on_servers) for on_servers in (False, True))
    return _WITH_HOST.replace("LAPTOP", laptop).replace("SERVER", server)


def fill(content: str, read: Callable[[str], str]) -> str:
    """Return a derived file's content with its secrets, which are quoted for the shell.

    Args:
        content: the content; only that of :func:`script` has placeholders.
        read: returns a secret's value; an empty string for an optional secret that is not set.
    """

    def put(found: re.Match[str]) -> str:
        value = read(found[1].removeprefix(_SECRET)).rstrip("\n")
        return (quote(value, safe="") if found[2] else value).replace("'", r"'\''")

    return _PLACEHOLDER.sub(lambda found: put(found) if found[1].startswith(_SECRET) else found[0], content)


def _check_attempts(value: str, where: str) -> None:
    """Make sure that a value has no placeholder in another form, and no variable of Compose; both would stay as is.

    Raises:
        ContractError: it has one.
    """
    if re.search(r"(?<!\$)\$\{", value):
        raise ContractError(
            f"{where}: {value!r}: Compose fills in no ${{...}} here; set the variable in `environment`, or write $${{ "
            "for the characters ${"
        )
    for found in _ATTEMPT.finditer(value):
        name = found["name"].lower()
        if found["written"] not in (f"{{{name}}}", f"{{{name}|url}}") or (found["before"] and found["after"]):
            raise ContractError(f"{where}: {found[0]} must be written {{{name}}}")


def _remedy(name: str, logins: Mapping[str, Mapping[str, object]], known: Collection[str]) -> str:
    """Return the remedy for an unknown placeholder; an empty string if there is none.

    Args:
        name: the placeholder.
        logins: kind -> the logins of the contract, by name.
        known: the known placeholders.
    """
    kind, _, part = name.rpartition(".")
    close = nearest(name, known)
    if kind in logins and not logins[kind]:
        other = f"; did you mean {{{close}}}?" if close.endswith(f".{part}") else ""
        return f"it requires {_REQUIRED[kind]}{other}"
    several = [f"{{{kind}.{login}.{part}}}" for login in logins.get(kind, ()) if f"{kind}.{login}.{part}" in known]
    if several:
        return f"the contract has several; write {' or '.join(several)}"
    if name == "hosts":
        return "it requires http.hosts: http: {hosts: [shop.localhost]}"
    return f"did you mean {{{close}}}?" if close else ""


def _logins(contract: Contract) -> dict[str, dict[str, dict[str, str]]]:
    """Return kind -> name -> the parts of each login of the contract."""
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
    return {
        "database": {**shared, **own},
        "broker": broker,
        "redis": _redis(contract, "state"),
        "redis.cache": _redis(contract, "cache"),
    }


def _known(contract: Contract, logins: Mapping[str, Mapping[str, Mapping[str, str]]]) -> dict[str, str]:
    """Return placeholder -> value: for each login with its name, and for the only login of a kind without a name."""
    only = {kind: next(iter(found.values())) for kind, found in logins.items() if len(found) == 1}
    own = contract.get("database", "databases")
    if len(own or contract.get("database", "schemas")) == 1:
        # The database of the application alone; else the first role of the schema, which is its user.
        only["database"] = logins["database"][next(iter(own or logins["database"]))]
    named = {f"{kind}.{name}": parts for kind, found in logins.items() for name, parts in found.items()}
    return {f"{begin}.{part}": value for begin, parts in {**named, **only}.items() for part, value in parts.items()}


def _redis(contract: Contract, server: str) -> dict[str, dict[str, str]]:
    return {
        user: _login("redis", redis.SERVERS[server], "6379", "db", user, "0")
        for user in redis.users([contract], server)
    }


def _login(scheme: str, host: str, port: str, word: str, user: str, path: str) -> dict[str, str]:
    """Return the parts of a login, and its URL; ``word`` is the name of the URL's path."""
    secret = _SECRET + password(host, user)
    url = f"{scheme}://{user}:{{{secret}|url}}@{host}:{port}/{path}"
    return {"url": url, "host": host, "port": port, "user": user, "password": f"{{{secret}}}", word: path}


def password(service: str, user: str) -> str:
    """Return the name of the secret with a user's password; both Redis servers have the same."""
    return f"{'redis' if service in redis.SERVERS.values() else service}_{user}_password"


def _quoted(value: str) -> str:
    """Return a value in single quotes for the shell; placeholders stay unchanged."""
    return "'" + value.replace("'", r"'\''") + "'"
