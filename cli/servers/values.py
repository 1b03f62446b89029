"""Checks the inventory's settings by the rules in ``x-settings`` of the Compose files, before anything is built.

A service refuses a bad value too, but only once its image is built and its container started, on a server.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cli.console import StackError
from cli.settings import ROOT

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

#: The inventory's variable with the settings.
VARIABLE = "landfast_settings"
ANSIBLE = ROOT / "ansible"
INVENTORIES = ANSIBLE / "inventories"
#: Names of Landfast's own variables; variables with other prefixes may belong to others.
_OWN = re.compile(r"\b(?:landfast|release)_[a-z0-9_]+")
#: The similarity of a mistyped name and its suggestion, from 0 to 1.
ALIKE = 0.8
#: Whole numbers as landfast_runtime.env reads them.
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True)
class Rule:
    """The rule for one setting.

    Args:
        choices: the valid words, for a setting that is one of several.
        minimum: the smallest value, for a whole number.
        maximum: the largest value.
        pattern: the pattern that the whole text must match.
        like: an example of such text.
        secret: a secret that the setting requires in the vault.
    """

    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    pattern: str = ""
    like: str = ""
    secret: str = ""

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> Rule:
        """Return the rule in an entry of ``x-settings``."""
        return cls(**{**entry, "choices": tuple(entry.get("choices", ()))})

    def problem(self, value: str) -> str:
        """Return the problem with ``value``; empty if it is valid."""
        if self.choices and value not in self.choices:
            return f"must be one of {', '.join(self.choices)}"
        if self.minimum is not None and self.maximum is not None:
            if not _WHOLE.fullmatch(value):
                return f"must be a whole number from {self.minimum} to {self.maximum}"
            if not self.minimum <= int(value) <= self.maximum:
                return f"must be from {self.minimum} to {self.maximum}"
        if self.pattern and not re.fullmatch(self.pattern, value):
            return f"must be like {self.like}"
        return ""


def check_names(settings: Collection[str], known: Collection[str]) -> None:
    """Make sure that every setting is known.

    Args:
        settings: the names in the inventory.
        known: the names of settings.

    Raises:
        StackError: a name is unknown; close ones are suggested.
    """
    if unknown := mistyped(settings, known):
        raise StackError(f"{VARIABLE}: {unknown} is no setting", f"known: {', '.join(sorted(known))}")


def check_variables(names: Collection[str]) -> None:
    """Make sure that a role or playbook reads each of the inventory's variables.

    Args:
        names: the variables that begin like Landfast's own.

    Raises:
        StackError: nothing reads one of them; close ones are suggested.
    """
    files = [
        path for ending in ("yml", "j2") for path in ANSIBLE.glob(f"*/**/*.{ending}") if INVENTORIES not in path.parents
    ]
    known = {name for path in files for name in _OWN.findall(path.read_text(encoding="utf-8"))}
    if unknown := mistyped(names, known):
        raise StackError(f"the inventory: nothing reads {unknown}", "docs/how-to/inventory.md has the variables")


def mistyped(names: Collection[str], known: Collection[str]) -> str:
    """Return the names that are not in ``known``, each with a suggestion; empty if there are none."""
    unknown = sorted(set(names) - set(known))
    close = {name: difflib.get_close_matches(name, known, 1, ALIKE) for name in unknown}
    return ", ".join(f"{name} (is it {close[name][0]}?)" if close[name] else name for name in unknown)


def check(settings: Mapping[str, object], rules: Mapping[str, Mapping[str, Any]], secrets: Collection[str]) -> None:
    """Make sure that every setting has a value that its services accept.

    Args:
        settings: the inventory's settings.
        rules: ``x-settings``.
        secrets: the names of the secrets in the vault.

    Raises:
        StackError: some values are invalid; each setting is named with a description of valid values.
    """
    problems = []
    for name, value in sorted(settings.items()):
        if not isinstance(value, (str, int, float)):
            problems.append(f"{name} is {value!r}; must be text or a number")
            continue
        rule, given = Rule.parse(rules.get(name, {})), text(value)
        if not given:
            continue  # an empty value counts as unset: Compose uses the default
        if problem := rule.problem(given):
            problems.append(f"{name} is {given!r}; {problem}")
        if rule.secret and rule.secret not in secrets:
            problems.append(f"{name} is set, and the vault has no {rule.secret}: add it with ansible-vault edit")
    if problems:
        raise StackError("\n".join(f"{VARIABLE}: {problem}" for problem in problems), ".env.example explains each")


def text(value: object) -> str:
    """Return ``value`` in Compose's notation."""
    return str(value).lower() if isinstance(value, bool) else str(value)
