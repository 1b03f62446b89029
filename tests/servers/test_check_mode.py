"""Check mode passes on a new machine: tasks and handlers do not touch units that only a real run installs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped] # Ansible brings it

from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

ROLES = ROOT / "ansible/roles"
SERVICE = "ansible.builtin.systemd_service"
#: Words in a condition for units that a run in check mode has not installed.
GUARDS = ("ansible_check_mode", "_absent")
#: Steps whose unit always exists when they run, with the reason.
THERE = {
    "system/handlers/main.yml: systemd-journald": "every Debian has it",
    "landfast/tasks/confirm.yml: landfast-undo.timer": "roles include this file only in real runs",
    "docker/tasks/update.yml: docker": "its process was inspected before",
}


def steps(node: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any YAML
    """Yield the steps in the contents of a role's file, also those in blocks."""
    if isinstance(node, dict):
        yield node
    for value in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from steps(value)


def units() -> dict[str, str]:
    """Return the steps that start or stop a unit, with their conditions."""
    found = {}
    for path in sorted([*ROLES.glob("*/tasks/*.yml"), *ROLES.glob("*/handlers/*.yml")]):
        for step in steps(yaml.safe_load(path.read_text(encoding="utf-8"))):
            if isinstance(step.get(SERVICE), dict) and "name" in step[SERVICE]:
                found[f"{path.relative_to(ROLES)}: {step[SERVICE]['name']}"] = str(step.get("when", ""))
    return found


UNITS = units()


@pytest.mark.parametrize("step", UNITS)
def test_a_unit_that_check_mode_has_not_brought_is_neither_started_nor_restarted(step: str) -> None:
    assert any(guard in UNITS[step] for guard in GUARDS) != (step in THERE)


def test_the_steps_without_a_condition_are_still_there() -> None:
    assert THERE.keys() < UNITS.keys()
