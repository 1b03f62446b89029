"""Contracts for tests, and what the variables that follow from them hold inside a container."""

from __future__ import annotations

import subprocess

import pytest

from contract.derived import derive
from contract.errors import ContractError
from contract.files import Contract, parse

#: A house that has the services which contracts are derived for.
HOUSE = Contract("compose.house.yaml", {}, {"postgres": {}, "rabbitmq": {}})


def shop(text: str) -> Contract:
    """Return the contract of an application, as a Compose file has it."""
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 - Ansible brings it

    return parse("services/shop/compose.yaml", yaml.safe_load(text))


def refusal(text: str) -> str:
    """Return what is said of a contract that cannot be followed."""
    with pytest.raises(ContractError) as caught:
        derive([HOUSE, shop(text)])
    return str(caught.value)


def shell(script: str, *names: str, given: dict[str, str] | None = None) -> list[str]:
    """Return what a command finds in variables that the script sets, where the container has others already."""
    show = "".join(f'printf "%s\\0" "${name}"\n' for name in names)
    command = ["sh", "-c", script, "with-environment", "sh", "-euc", show]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=given or {}).stdout.split("\0")[:-1]
