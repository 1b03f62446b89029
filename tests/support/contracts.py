"""Contracts for tests, and the values of their derived variables inside a container."""

from __future__ import annotations

import functools
import subprocess

import pytest

from cli.settings import ROOT
from contract.derived import Derived, derive
from contract.errors import ContractError
from contract.files import Contract, parse, read

#: A house with the services that derived files are for.
HOUSE = Contract("compose.house.yaml", {}, {"postgres": {}, "rabbitmq": {}})


@functools.cache
def repository() -> Derived:
    """Return everything derived from this repository's contracts; nobody changes it."""
    return derive(read(ROOT))


def shop(text: str) -> Contract:
    """Return the contract of an application from the text of a Compose file."""
    import yaml  # type: ignore[import-untyped]  # noqa: PLC0415 - Ansible installs it

    return parse("services/shop/compose.yaml", yaml.safe_load(text))


def refusal(text: str) -> str:
    """Return the error for an invalid contract."""
    with pytest.raises(ContractError) as caught:
        derive([HOUSE, shop(text)])
    return str(caught.value)


def shell(script: str, *names: str, given: dict[str, str] | None = None) -> list[str]:
    """Return the values of variables after the script has set them, in a container that has others already."""
    show = "".join(f'printf "%s\\0" "${name}"\n' for name in names)
    command = ["sh", "-c", script, "with-environment", "sh", "-euc", show]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=given or {}).stdout.split("\0")[:-1]
