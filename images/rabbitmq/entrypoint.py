#!/usr/bin/python3
"""Adds the contracts' users with their password hashes to RabbitMQ's definitions, sizes it, and executes it.

There is no guest user: RabbitMQ makes one only if the definitions name no user. RabbitMQ imports definitions and
removes none, so a process beside it takes away the permissions that contracts no longer give.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import Request, urlopen

if TYPE_CHECKING:
    from collections.abc import Sequence

SECRETS = Path("/run/secrets")
TEMPLATE = Path("/etc/rabbitmq/definitions.json")
COMPLETE = Path("/tmp/definitions.json")  # noqa: S108 - the container's own tmpfs
#: A settings file beside the image's own: RABBITMQ_CONFIG_FILES.
SIZES = Path("/tmp/rabbitmq.d/memory.conf")  # noqa: S108 - as above
#: The share of the container's memory at which RabbitMQ blocks publishers. Erlang may hold more for a moment, and the
#: health check and the management pages need some: the kernel must not kill the broker.
WATERMARK = 0.6
EXIT_BAD_CONFIGURATION = 78
#: The house's vhost, and the parts of its definitions that a vhost for tasks of an application has, too.
SHARED, COPIED = "landfast", ("policies", "exchanges", "queues", "bindings")
#: The user with all rights, the address of the management pages, and seconds until they must answer.
OPERATOR, PAGES, PATIENCE = "operator", "http://127.0.0.1:15672/rabbitmq/api", 300.0


def hash_password(password: str) -> str:
    """Return a salted hash in the form that RabbitMQ imports.

    Source: https://www.rabbitmq.com/docs/passwords#computing-password-hash
    """
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode("ascii")


def secret(name: str) -> str:
    """Return the content of a secret file.

    Raises:
        ValueError: the file is missing or empty.
    """
    path = SECRETS / name
    content = path.read_text(encoding="utf-8").strip() if path.is_file() else ""
    if not content:
        raise ValueError(f"secret file {path} is missing or empty")
    return content


def complete(template: str, users: str) -> str:
    """Return the definitions with the users of the contracts; a user's secret file has the user's name.

    Raises:
        ValueError: a secret file is missing or empty.
    """
    definitions, derived = json.loads(template), json.loads(users)
    tasks = derived.pop("tasks")
    definitions |= {**derived, "vhosts": definitions["vhosts"] + derived["vhosts"]}
    for part in COPIED:
        common = [each for each in definitions[part] if each["vhost"] == SHARED and each.get("name") != "health"]
        definitions[part] += [{**each, "vhost": vhost} for vhost in tasks for each in common]
    for user in definitions["users"]:
        password = hash_password(secret(user["name"]))
        user.update(password_hash=password, hashing_algorithm="rabbit_password_hashing_sha256")
    return json.dumps(definitions)


def sizes(memory: int) -> str:
    """Return the settings that depend on the container's memory.

    Args:
        memory: the MiB that the container may use.
    """
    return f"vm_memory_high_watermark.absolute = {round(memory * WATERMARK)}MiB\n"


def surplus(given: Sequence[dict[str, Any]], held: Sequence[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return vhost and user of the permissions of contracts' users that no contract gives.

    Args:
        given: the permissions in the definitions.
        held: the permissions that RabbitMQ has.
    """
    users, due = {each["user"] for each in given}, {(each["vhost"], each["user"]) for each in given}
    found = {(each["vhost"], each["user"]) for each in held if each["user"] in users}
    return sorted(found - due)


def ask(method: str, path: str, password: str) -> Any:  # noqa: ANN401 - any JSON
    """Send a request to the management pages, and return the JSON that they answer, if any.

    Raises:
        OSError: they do not answer, or refuse.
    """
    login = base64.b64encode(f"{OPERATOR}:{password}".encode()).decode("ascii")
    request = Request(f"{PAGES}/{path}", method=method, headers={"Authorization": f"Basic {login}"})  # noqa: S310 - http
    with urlopen(request, timeout=10) as answer:  # noqa: S310 - a constant address
        content = answer.read()
    return json.loads(content) if content else None


def is_running(process: int) -> bool:
    """Return whether a process runs: one that has ended stays in the list until its parent asks for its status."""
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def take_away(given: Sequence[dict[str, Any]], password: str, server: int, patience: float = PATIENCE) -> None:
    """Wait until RabbitMQ runs, and take away the permissions of contracts' users that no contract gives.

    Args:
        given: the permissions in the definitions.
        password: the operator's.
        server: RabbitMQ's process. This ends with it: the container runs for as long as a process has its output open.
        patience: seconds until it gives up.
    """
    deadline = time.monotonic() + patience
    while True:
        try:
            for vhost, user in surplus(given, ask("GET", "permissions", password)):
                ask("DELETE", f"permissions/{quote(vhost, safe='')}/{quote(user, safe='')}", password)
                tell("info", f"{user} has lost its permissions in the virtual host {vhost}: no contract gives them")
        except (URLError, OSError) as error:
            if not is_running(server):
                return
            if time.monotonic() >= deadline:
                tell("error", f"permissions that no contract gives could not be taken away: {error}")
                return
            time.sleep(1)  # it is starting
        else:
            return


def tell(level: str, message: str) -> None:
    """Write a line into the log."""
    print(json.dumps({"level": level, "service": "rabbitmq", "message": message}), flush=True)


def beside(given: Sequence[dict[str, Any]], password: str) -> None:
    """Run :func:`take_away` in a process that is no child of RabbitMQ, which would not wait for its end."""
    server = os.getpid()  # RabbitMQ takes this process' place
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    if os.fork() == 0:
        take_away(given, password, server)
    os._exit(0)


def main() -> None:
    """Write the definitions and run the command that the arguments give."""
    try:
        definitions = complete(TEMPLATE.read_text(encoding="utf-8"), secret("users.json"))
    except ValueError as error:
        tell("critical", f"configuration: {error}")
        sys.exit(EXIT_BAD_CONFIGURATION)
    COMPLETE.touch(mode=0o600)
    COMPLETE.write_text(definitions, encoding="utf-8")
    SIZES.parent.mkdir(exist_ok=True)
    memory = subprocess.run(["memory-limit"], capture_output=True, text=True, check=True).stdout
    SIZES.write_text(sizes(int(memory)), encoding="utf-8")
    beside(json.loads(definitions)["permissions"], secret(OPERATOR))
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the image's own command


if __name__ == "__main__":
    main()
