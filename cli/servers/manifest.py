"""The secrets and their readers, derived from the contracts in the same way for laptops and servers."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from cli.console import StackError
from cli.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from contract.derived import Derived

ALPHABET = string.ascii_letters + string.digits
DEFAULT_LENGTH = 32
#: Characters below which services refuse a secret (landfast_runtime.env); third parties choose optional secrets.
MINIMUM_LENGTH = 16

#: The key in the vault that makes the secrets' names in Swarm, so that no name reveals anything about a value.
NAMING_KEY = "swarm_naming_key"


@dataclass(frozen=True)
class Manifest:
    """The list of secrets.

    Args:
        lengths: random secret -> its length.
        optional: secrets that exist only if an operator has set them.
        contents: derived file -> its content with placeholders for secrets. For servers it is a secret like others.
        consumers: service -> name in /run/secrets -> secret or derived file.
        checks: what is asked after a deploy.
        hosts: the applications' host names on servers -> the contract's file.
        volumes: contract's file -> the volumes to back up.
    """

    lengths: Mapping[str, int]
    optional: frozenset[str]
    contents: Mapping[str, str]
    consumers: Mapping[str, Mapping[str, str]]
    checks: Sequence[Mapping[str, Any]] = ()
    hosts: Mapping[str, str] = field(default_factory=dict)
    volumes: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, root: Path = ROOT) -> Manifest:
        """Read the contracts of the house and of the applications.

        Raises:
            StackError: a contract is invalid.
        """
        check_python()
        from contract.derived import derive  # noqa: PLC0415 - as in check_python
        from contract.errors import ContractError  # noqa: PLC0415 - as above
        from contract.files import read  # noqa: PLC0415 - as above

        try:
            return cls.of(derive(read(root), on_servers=True))
        except ContractError as error:
            raise StackError(str(error)) from error

    @classmethod
    def of(cls, derived: Derived) -> Manifest:
        """Return the servers' part of everything that is derived from the contracts.

        Certificates are not Swarm secrets: those are immutable, and a renewed certificate must not restart Nginx.
        """
        declared = {name: entry for name, entry in derived.declared.items() if entry.get("make") != "certificate"}
        there = {*declared, *derived.contents}
        return cls(
            lengths={name: entry.get("length", DEFAULT_LENGTH) for name, entry in declared.items()},
            optional=frozenset(name for name, entry in declared.items() if entry.get("optional")),
            contents=derived.contents,
            consumers={
                service: {file: secret for file, secret in files.items() if secret in there}
                for service, files in derived.consumers.items()
            },
            checks=derived.checks,
            hosts=derived.public_hosts,
            volumes={file: each["volumes"] for file, each in derived.upkeep.items()},
        )

    def recorded(self, contents: Mapping[str, str], names: Sequence[str]) -> Manifest:
        """Return the manifest of a recorded release, which this checkout's contracts may no longer describe.

        Args:
            contents: its derived files with placeholders; none if the release is older than their record.
            names: its secrets and derived files.
        """
        secrets = {name: DEFAULT_LENGTH for name in names if name not in contents}
        return replace(self, contents=contents, lengths={**secrets, **self.lengths})

    def check(self, values: Mapping[str, str]) -> None:
        """Make sure that the vault has the services' secrets.

        Raises:
            StackError: a secret is missing or blank, too short, or has blanks around it.
        """
        given = {name: str(values.get(name, "")) for name in (NAMING_KEY, *self.lengths)}
        missing = [name for name, value in given.items() if not value.strip() and name not in self.optional]
        if missing:
            raise StackError(
                f"landfast_secrets lacks {', '.join(missing)}",
                "ansible-playbook playbooks/secrets.yml makes what is missing",
            )
        padded = [name for name, value in given.items() if value.rstrip("\n") != value.strip()]
        if padded:
            raise StackError(
                f"landfast_secrets has blanks before or after {', '.join(padded)}",
                "take them away: some services would leave them out and others would not, and refuse each other",
            )
        short = [name for name, value in given.items() if len(value) < MINIMUM_LENGTH and name not in self.optional]
        if short:
            raise StackError(
                f"landfast_secrets has fewer than {MINIMUM_LENGTH} characters for {', '.join(short)}",
                "services refuse to start with such a one: ansible-vault edit changes it",
            )

    def complete(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return ``values`` with a random value for each missing secret."""
        made = {name: random_secret(length) for name, length in self.lengths.items() if name not in self.optional}
        return {NAMING_KEY: random_secret(), **made, **{name: value for name, value in values.items() if value}}

    def versions(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return secret or derived file -> a word that changes with its value, for all existing ones."""
        key = str(values[NAMING_KEY]).encode()
        there = {name: values[name] for name in self.lengths if values.get(name)}
        return {name: version(key, name, value) for name, value in {**there, **self.filled(values)}.items()}

    def filled(self, values: Mapping[str, str]) -> dict[str, str]:
        """Return derived file -> its content, including its secrets."""
        from contract.environment import fill  # noqa: PLC0415 - as in read

        return {name: fill(content, lambda secret: values.get(secret) or "") for name, content in self.contents.items()}


def external_addresses(settings: Mapping[str, str], root: Path = ROOT) -> dict[str, dict[str, list[str]]]:
    """Return the applications' lists of external addresses (:func:`contract.egress.lists`).

    Args:
        settings: the settings of the servers.
        root: the folder of compose.yaml.

    Raises:
        StackError: a contract is invalid.
    """
    check_python()
    from contract import egress, upkeep  # noqa: PLC0415 - as in check_python
    from contract.errors import ContractError  # noqa: PLC0415 - as above
    from contract.files import read  # noqa: PLC0415 - as above

    try:
        contracts = read(root)
        upkeep.upkeep(contracts)  # it checks the lists
        return egress.lists(contracts, settings)
    except ContractError as error:
        raise StackError(str(error)) from error


def check_python() -> None:
    """Make sure that this Python can read contracts.

    Raises:
        StackError: it is too old; the laptop's commands run on older ones.
    """
    if sys.version_info < (3, 11):
        raise StackError("servers need Python 3.11 or newer on this machine")


def version(key: bytes, name: str, value: str) -> str:
    """Return a word that changes with ``value`` and reveals nothing about it."""
    return hmac.new(key, f"{name}\0{value}".encode(), hashlib.sha256).hexdigest()[:12]


def random_secret(length: int = DEFAULT_LENGTH) -> str:
    """Return letters and digits that nobody can guess."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))
