#!/usr/bin/python3
"""Adds the contracts' users with their password hashes to RabbitMQ's definitions, then executes RabbitMQ.

There is no guest user: RabbitMQ makes one only if the definitions name no user.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import sys
from pathlib import Path

SECRETS = Path("/run/secrets")
TEMPLATE = Path("/etc/rabbitmq/definitions.json")
COMPLETE = Path("/tmp/definitions.json")  # noqa: S108 - the container's own tmpfs
EXIT_BAD_CONFIGURATION = 78


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
    definitions |= {**derived, "vhosts": definitions["vhosts"] + derived["vhosts"]}
    for user in definitions["users"]:
        password = hash_password(secret(user["name"]))
        user.update(password_hash=password, hashing_algorithm="rabbit_password_hashing_sha256")
    return json.dumps(definitions)


def main() -> None:
    """Write the definitions and run the command that the arguments give."""
    try:
        definitions = complete(TEMPLATE.read_text(encoding="utf-8"), secret("users.json"))
    except ValueError as error:
        print(
            json.dumps({"level": "critical", "service": "rabbitmq", "message": f"configuration: {error}"}), flush=True
        )
        sys.exit(EXIT_BAD_CONFIGURATION)
    COMPLETE.touch(mode=0o600)
    COMPLETE.write_text(definitions, encoding="utf-8")
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 - the image's own command


if __name__ == "__main__":
    main()
