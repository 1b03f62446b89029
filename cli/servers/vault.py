"""The inventory's vault: secrets are made in memory and encrypted by Ansible; none is printed or an argument."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli.console import StackError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The variable in the vault.
VARIABLE = "landfast_secrets"
HEADER = "# Made by playbooks/secrets.yml. ansible-vault view shows it, ansible-vault edit changes it.\n"


def ansible_vault(*arguments: str, given: str = "") -> str:
    """Run ansible-vault with ``given`` on its standard input and return its output.

    Raises:
        StackError: it failed; its error names files, never contents.
    """
    done = subprocess.run(
        [sys.executable, "-m", "ansible", "vault", *arguments], input=given, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise StackError(f"ansible-vault {arguments[0]} failed", done.stderr.strip())
    return done.stdout


def read(path: Path) -> dict[str, Any]:
    """Return the secrets in the vault at ``path``; empty if there is no vault.

    Raises:
        StackError: the file is not a vault, or not one that this module wrote.
    """
    if not path.exists():
        return {}
    encrypted = path.read_text(encoding="utf-8")
    if not encrypted.startswith("$ANSIBLE_VAULT;"):
        raise StackError(f"{path} is not encrypted", "encrypt it: ansible-vault encrypt")
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 - Ansible installs it; ./stack itself has no YAML

    document = yaml.safe_load(ansible_vault("decrypt", "--output", "-", "-", given=encrypted)) or {}
    values = document.get(VARIABLE) if set(document) <= {VARIABLE} else None
    if not isinstance(values, dict):
        raise StackError(f"{path} must hold {VARIABLE} and nothing else")
    return values


def write(path: Path, values: Mapping[str, object]) -> None:
    """Encrypt ``values`` into ``path``, atomically: after an error the old file stays."""
    plain = f"{HEADER}{json.dumps({VARIABLE: dict(sorted(values.items()))}, indent=2)}\n"  # JSON is YAML
    encrypted = ansible_vault("encrypt", "--output", "-", "-", given=plain)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".vault-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(encrypted)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
