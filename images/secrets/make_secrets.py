"""Makes the missing secrets of a local stack, and gives each service its own.

``make`` (the default) creates missing secrets and repairs services' copies. It never changes an existing secret, except
for the local certificate when an application gets another host name.
``changes`` does the same, and prints when the files of each service changed last, as JSON in the last line.
``show NAME`` prints a secret, ``set NAME`` stores one of your own from standard input. The contracts of house and
applications list the secrets and their readers.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import secrets
import shutil
import string
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from contract.derived import Derived, derive
from contract.environment import fill
from contract.errors import ContractError
from contract.files import read
from contract.named import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: The folder of the Compose files with the contracts.
CONTRACTS = Path("/stack")
ROOT = Path("/secrets")
#: All secrets; no service sees them.
MASTER = ROOT / "master"
#: A folder for each service, which sees no other.
SERVICES = ROOT / "services"
ALPHABET = string.ascii_letters + string.digits
DEFAULT_LENGTH = 32

#: The name of the authority that signs the local certificate.
AUTHORITY = "Landfast local CA"

#: Days for which the local certificate is valid; browsers refuse more than 825.
CERTIFICATE_DAYS = 820


class SecretError(Exception):
    """A secret that can neither be used nor safely made again; the message names it and the remedy."""


def write(path: Path, content: str, mode: int) -> None:
    """Write a file atomically: a reader sees the old or the new content, also after a power cut."""
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def openssl(*arguments: str) -> None:
    """Run openssl, quiet unless it fails."""
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)


def make_certificate(directory: Path, hosts: Iterable[str]) -> dict[str, str]:
    """Return a new certificate for localhost and ``hosts``, its key, and that of the authority that signed it.

    The authority's key is thrown away: nobody, not even this stack, can sign a second certificate for browsers that
    trust the authority.
    """
    key, certificate, ca_key, ca = (str(directory / name) for name in ("key", "crt", "ca.key", "ca.crt"))
    days = str(CERTIFICATE_DAYS)
    names = ",".join(["DNS:localhost", "IP:127.0.0.1", "IP:::1", *(f"DNS:{host}" for host in hosts)])
    new_key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(
        *("req", "-x509", *new_key, "-keyout", ca_key, "-out", ca, "-days", days, "-subj", f"/CN={AUTHORITY}"),
        *("-addext", "basicConstraints=critical,CA:TRUE,pathlen:0", "-addext", "keyUsage=critical,keyCertSign,cRLSign"),
    )
    openssl(
        *("req", "-x509", *new_key, "-CA", ca, "-CAkey", ca_key, "-keyout", key, "-out", certificate, "-days", days),
        *("-subj", "/CN=localhost", "-addext", f"subjectAltName={names}"),
        *("-addext", "basicConstraints=critical,CA:FALSE", "-addext", "extendedKeyUsage=serverAuth"),
    )
    return {
        "ca_certificate": Path(ca).read_text(encoding="ascii"),
        "tls_certificate": Path(certificate).read_text(encoding="ascii"),
        "tls_key": Path(key).read_text(encoding="ascii"),
    }


def lacks_a_name(hosts: Iterable[str]) -> bool:
    """Return whether this program made the certificate, and the certificate lacks one of ``hosts``."""
    path = MASTER / "tls_certificate"
    if not path.exists():
        return False
    show = ["openssl", "x509", "-in", str(path), "-noout", "-issuer", "-ext", "subjectAltName"]
    shown = subprocess.run(show, check=False, capture_output=True, text=True).stdout
    return AUTHORITY in shown and not {f"DNS:{host}" for host in hosts} <= set(re.split(r"[,\s]+", shown))


def make_missing(declared: Mapping[str, Mapping[str, Any]], hosts: Iterable[str] = ()) -> None:
    """Create the secrets that do not exist yet, and a new certificate if the local one lacks a name.

    Args:
        declared: secret -> how it is made.
        hosts: the host names of applications.

    Raises:
        SecretError: a secret exists but is empty.
    """
    for name in declared:
        path = MASTER / name
        if path.exists() and not path.read_text(encoding="utf-8").strip():
            raise SecretError(
                f"{name}: the secret is empty. Put the old value back into the volume 'secrets', or delete the file "
                "there to get a new one (and restart the services that use it)"
            )
    missing = [name for name in declared if not (declared[name].get("optional") or (MASTER / name).exists())]
    made: dict[str, str] = {}
    if lacks_a_name(hosts) or any(declared[name].get("make") == "certificate" for name in missing):
        with tempfile.TemporaryDirectory() as directory:
            made = make_certificate(Path(directory), hosts)  # all three, because they belong together
    for name in missing:
        if declared[name].get("make") != "certificate":
            length = declared[name].get("length", DEFAULT_LENGTH)
            made[name] = "".join(secrets.choice(ALPHABET) for _ in range(length))
    for name, value in made.items():
        write(MASTER / name, value, 0o400)
    print(f"secrets: {len(made)} made, {sum((MASTER / name).exists() for name in declared) - len(made)} kept")


def check_name(name: str, declared: Mapping[str, Mapping[str, Any]]) -> None:
    """Make sure that there is a secret of that name.

    Raises:
        SecretError: there is none; the message has the names.
    """
    if name not in declared:
        close = nearest(name, declared)
        hint = f" (did you mean {close}?)" if close else ""
        raise SecretError(f"{name}: no secret has this name{hint}. There are: {', '.join(sorted(declared))}")


def read_secret(name: str) -> str:
    """Return a secret's value.

    Raises:
        SecretError: the secret has no value.
    """
    try:
        return (MASTER / name).read_text(encoding="utf-8").rstrip("\n")
    except FileNotFoundError:
        way_out = f"docker compose run --rm --no-deps -T secrets set {name} < FILE"
        raise SecretError(f"{name} is not set. {way_out}") from None


def read_if_set(name: str) -> str:
    """Return a secret's value as it was stored; an empty string for an optional secret that is not set."""
    path = MASTER / name
    return path.read_text(encoding="utf-8") if path.exists() else ""


def set_secret(name: str, value: str) -> None:
    """Store a secret of the operator's own; services see it after their next start.

    Raises:
        SecretError: the value is empty.
    """
    if not value.strip():
        raise SecretError(f"{name}: standard input is empty")
    write(MASTER / name, value.strip(), 0o400)


def hand_out(derived: Derived) -> set[str]:
    """Write the files of each service, and remove those that it may no longer read; return the services with changes.

    Every user in a service's container may read the folder: no other container has it, and images choose their users.
    Each change of a file also changes the time of its folder. New folders are no changes: no container has them yet.
    """
    before = {directory.name: directory.stat().st_mtime_ns for directory in SERVICES.iterdir()}
    for service, files in derived.consumers.items():
        directory = SERVICES / service
        directory.mkdir(exist_ok=True)
        for name, secret in files.items():
            if secret in derived.contents:
                content = fill(derived.contents[secret], read_if_set)
            elif not (content := read_if_set(secret)):
                continue  # an optional one
            path = directory / name
            if not path.exists() or path.read_text(encoding="utf-8") != content:
                write(path, content, 0o444)
        for path in directory.iterdir():
            if path.name not in files:
                path.unlink()
    for directory in SERVICES.iterdir():
        if directory.name not in derived.consumers:
            shutil.rmtree(directory)
    after = {directory.name: directory.stat().st_mtime_ns for directory in SERVICES.iterdir()}
    return {name for name, time in after.items() if name in before and before[name] != time}


def main(given: Sequence[str]) -> int:
    """Run the command that the arguments name and return the exit status.

    Args:
        given: the command, and for some commands the name of a secret.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("make")
    commands.add_parser("changes")
    for command in ("show", "set"):
        commands.add_parser(command).add_argument("name")
    arguments = parser.parse_args(given)
    try:
        derived = derive(read(CONTRACTS))
        if "name" in arguments:
            check_name(arguments.name, derived.declared)
        if arguments.command == "show":
            print(read_secret(arguments.name))
        else:
            if arguments.command == "set":
                set_secret(arguments.name, sys.stdin.read())
            else:
                make_missing(derived.declared, derived.hosts)
            if changed := hand_out(derived):
                names = ", ".join(sorted(changed))
                print(
                    f"secrets: new files for {names}. Running containers have read the old ones: ./stack up renews them"
                )
            if arguments.command == "changes":
                print(json.dumps({folder.name: folder.stat().st_mtime for folder in SERVICES.iterdir()}))
    except (ContractError, SecretError) as error:
        print(f"secrets: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"secrets: {error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
