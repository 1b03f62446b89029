"""Numbers and booleans given with ``-e`` are text: expressions that use one convert it with a filter."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped] # Ansible brings it

from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ANSIBLE = ROOT / "ansible"
#: Keys with an expression as their whole text.
EXPRESSIONS = {"when", "that", "until", "failed_when", "changed_when"}
IN_BRACES = re.compile(r"\{\{(.*?)\}\}|\{%(.*?)%\}", re.DOTALL)
#: A variable's filters: the first one, or the one after ``default``, must be that of the variable's type.
TYPED = r"(?:\s*\|\s*default\((?:[^()]|\([^()]*\))*\))?\s*\|\s*{filter}\b"
FILTERS = {"int": "(?:int|float)", "bool": "bool"}
#: Variables of playbooks, in addition to the roles' own.
ASKED = {"drained": "bool", "drain_data": "bool", "release_secret_is_set": "bool", "landfast_undo_seconds": "int"}


def typed_variables() -> dict[str, str]:
    """Return the variables that are numbers or booleans, with their types."""
    found = dict(ASKED)
    for path in ANSIBLE.glob("roles/*/meta/argument_specs.yml"):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            options = (entry or {}).get("options") or {}
            found |= {name: option["type"] for name, option in options.items() if option["type"] in FILTERS}
    return found


def expressions(node: Any, key: str = "") -> Iterator[str]:  # noqa: ANN401 - any YAML
    """Yield the expressions in the contents of a YAML file."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield from expressions(value, str(name))
    elif isinstance(node, list):
        for value in node:
            yield from expressions(value, key)
    elif isinstance(node, str):
        yield from [node] if key in EXPRESSIONS else braces(node)


def braces(text: str) -> list[str]:
    """Return the expressions in braces."""
    return [one or other for one, other in IN_BRACES.findall(text)]


def files() -> list[Path]:
    """Return the files with expressions."""
    folders = ("tasks/*.yml", "vars/*.yml", "handlers/*.yml", "templates/*.j2")
    return sorted(
        [*ANSIBLE.glob("playbooks/*.yml"), *(path for form in folders for path in ANSIBLE.glob(f"roles/*/{form}"))]
    )


def untyped(text: str, variables: dict[str, str]) -> list[str]:
    """Return the variables that an expression uses as a number or a boolean without a filter for the type."""
    if text.strip() in variables and variables[text.strip()] == "int":
        return []  # printed as given
    return [
        name
        for name, kind in variables.items()
        if re.search(rf"(?<![\w.'\"]){name}\b(?!{TYPED.format(filter=FILTERS[kind])})(?!\s+is\b)", text)
    ]


def test_every_number_and_every_truth_is_taken_for_what_it_is() -> None:
    variables = typed_variables()
    assert {"landfast_minimum_disk_mb", "release_allow_dirty", "system_swap_mb"} <= set(variables)
    found = []
    for path in files():
        source = path.read_text(encoding="utf-8")
        texts = braces(source) if path.suffix == ".j2" else expressions(yaml.safe_load(source))
        found += [
            f"{path.relative_to(ROOT)}: {name} in {text.strip()}" for text in texts for name in untyped(text, variables)
        ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("a > 1", ["a"]),
        ("a | int > 1", []),
        ("a | default(2) | int", []),
        ("b", ["b"]),
        ("not b | bool", []),
        ("a", []),
    ],
)
def test_the_rule_itself_tells_them_apart(text: str, wrong: list[str]) -> None:
    assert untyped(text, {"a": "int", "b": "bool"}) == wrong
