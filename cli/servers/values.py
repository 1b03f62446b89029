"""The rules for the inventory's settings: ``x-settings`` of the Compose files, judged before anything is built.

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

#: The variable of the inventory that holds them.
VARIABLE = "landfast_settings"
ANSIBLE = ROOT / "ansible"
INVENTORIES = ANSIBLE / "inventories"
#: Names of variables that are ours; other prefixes may be other people's too.
_OWN = re.compile(r"\b(?:landfast|release)_[a-z0-9_]+")
#: How alike a mistyped name and the one that is meant are, from 0 to 1.
ALIKE = 0.8
#: As landfast_runtime.env reads whole numbers.
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


@dataclass(frozen=True)
class Rule:
    """The rule for one setting.

    Args:
        choices: the words that it may be, if it is one of some.
        minimum: the least that it may be, if it is a whole number.
        maximum: the most.
        pattern: what text has to match as a whole.
        like: an example of such text.
        secret: a secret that the vault must hold for the setting to make sense.
    """

    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    pattern: str = ""
    like: str = ""
    secret: str = ""

    @classmethod
    def parse(cls, entry: Mapping[str, Any]) -> Rule:
        """Return the rule that an entry of ``x-settings`` describes."""
        return cls(**{**entry, "choices": tuple(entry.get("choices", ()))})

    def problem(self, value: str) -> str:
        """Return what is wrong with ``value``; nothing if it is right."""
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
    """Make sure that every setting is one.

    Args:
        settings: the names that the inventory has.
        known: the names of settings.

    Raises:
        StackError: a name is unknown; close ones are suggested.
    """
    if unknown := mistyped(settings, known):
        raise StackError(f"{VARIABLE}: {unknown} is no setting", f"known: {', '.join(sorted(known))}")


def check_variables(names: Collection[str]) -> None:
    """Make sure that the inventory's variables are ones that a role or playbook reads.

    Args:
        names: those that begin as ours do.

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
    """Return the names that are none of ``known``, each with one that may be meant; nothing if there are none."""
    unknown = sorted(set(names) - set(known))
    close = {name: difflib.get_close_matches(name, known, 1, ALIKE) for name in unknown}
    return ", ".join(f"{name} (is it {close[name][0]}?)" if close[name] else name for name in unknown)


def check(settings: Mapping[str, object], rules: Mapping[str, Mapping[str, Any]], secrets: Collection[str]) -> None:
    """Make sure that every setting has a value that its services take.

    Args:
        settings: what the inventory says.
        rules: ``x-settings``.
        secrets: the names of the secrets that the vault holds.

    Raises:
        StackError: some have not; each is named with what would be right.
    """
    problems = []
    for name, value in sorted(settings.items()):
        if not isinstance(value, (str, int, float)):
            problems.append(f"{name} is {value!r}; must be text or a number")
            continue
        rule, given = Rule.parse(rules.get(name, {})), text(value)
        if not given:
            continue  # as if it were not set: Compose takes the default
        if problem := rule.problem(given):
            problems.append(f"{name} is {given!r}; {problem}")
        if rule.secret and rule.secret not in secrets:
            problems.append(f"{name} is set, and the vault has no {rule.secret}: add it with ansible-vault edit")
    if problems:
        raise StackError("\n".join(f"{VARIABLE}: {problem}" for problem in problems), ".env.example explains each")


def text(value: object) -> str:
    """Return ``value`` as Compose takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
