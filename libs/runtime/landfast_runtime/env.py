"""Strict reading of environment variables and secret files.

Each service has one configuration module that builds a frozen dataclass from an :class:`Env` once, at start.
A bad value never leaves that module: the service stops with a line for each, which names the variable.
"""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

#: sysexits.h's EX_CONFIG: something is not configured, or misconfigured.
EXIT_BAD_CONFIGURATION = 78

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


class ConfigError(Exception):
    """A variable or a secret that the service cannot start with.

    Args:
        name: the variable's or the secret file's name.
        problem: the fault and the valid values; it never quotes a secret.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem


class Env:
    """Typed access to variables and secret files; every method raises :class:`ConfigError` on a bad value.

    An empty variable counts as unset, because Compose passes ``${NAME:-}`` as an empty string.

    Args:
        variables: the variables; the process environment by default.
        problems: collects the errors instead of an exception, so that all of them can be reported at once.
    """

    def __init__(
        self, variables: Mapping[str, str] | None = None, *, problems: list[ConfigError] | None = None
    ) -> None:
        self._variables = os.environ if variables is None else variables
        self._problems = problems

    def refuse[Value](self, name: str, problem: str, *, instead: Value) -> Value:
        """Raise :class:`ConfigError`; if problems are collected, add it to them and return ``instead``.

        Args:
            name: the variable's or the secret file's name.
            problem: the fault and the valid values.
            instead: a value of the right type, which is never used: settings with a problem are discarded.
        """
        error = ConfigError(name, problem)
        if self._problems is None:
            raise error from None
        self._problems.append(error)
        return instead

    def text(self, name: str, *, default: str | None = None, choices: Collection[str] | None = None) -> str:
        """Return a variable as text, one of ``choices`` if there are any. Without a default it must be set."""
        value = self._variables.get(name, "").strip() or default
        if value is None:
            return self.refuse(name, "is not set; .env.example explains it", instead="")
        if choices is not None and value not in choices:
            return self.refuse(name, f"is {value!r}, must be one of {', '.join(sorted(choices))}", instead=value)
        return value

    def integer(
        self, name: str, *, default: int | None = None, minimum: int | None = None, maximum: int | None = None
    ) -> int:
        """Return a variable as a whole number within ``minimum`` and ``maximum``, both inclusive."""
        value = self.text(name, default=None if default is None else str(default))
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", value):
            return self.refuse(name, f"is {value!r}, must be a whole number", instead=0)
        number = int(value)
        if minimum is not None and number < minimum:
            return self.refuse(name, f"is {number}, must be at least {minimum}", instead=number)
        if maximum is not None and number > maximum:
            return self.refuse(name, f"is {number}, must be at most {maximum}", instead=number)
        return number

    def boolean(self, name: str, *, default: bool | None = None) -> bool:
        """Return a variable as a boolean; 1/true/yes/on and 0/false/no/off are accepted, in upper or lower case."""
        value = self.text(name, default=None if default is None else str(default)).lower()
        if value not in TRUE_WORDS | FALSE_WORDS:
            return self.refuse(name, f"is {value!r}, must be true or false", instead=False)
        return value in TRUE_WORDS

    def words(self, name: str, *, default: str | None = None) -> tuple[str, ...]:
        """Return a comma-separated variable as a tuple of its non-empty, stripped parts."""
        return tuple(part.strip() for part in self.text(name, default=default).split(",") if part.strip())

    def secret(self, name: str, *, minimum_length: int = 16) -> str:
        """Return the text of the secret file ``name`` in ``SECRETS_DIR`` (default ``/run/secrets``).

        Args:
            name: the file's name.
            minimum_length: characters below which the secret counts as damaged.
        """
        path = self._secret_file(name)
        try:
            value = path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return self.refuse(name, f"secret file {path} is missing", instead="")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
            return self.refuse(name, f"secret file {path} cannot be read: {reason}", instead="")
        if not value:
            return self.refuse(name, f"secret file {path} is empty", instead="")
        if len(value) < minimum_length:
            return self.refuse(name, f"secret file {path} has fewer than {minimum_length} characters", instead="")
        return value

    def optional_secret(self, name: str, *, minimum_length: int = 16) -> str | None:
        """Return the text of the secret file ``name``, or None if there is none; a damaged one is an error.

        Args:
            name: the file's name.
            minimum_length: characters below which the secret counts as damaged.
        """
        return self.secret(name, minimum_length=minimum_length) if self._secret_file(name).exists() else None

    def derived(self, name: str) -> dict[str, Any]:
        """Return the JSON object in the secret file ``name``, which is derived from the applications' contracts."""
        text = self.secret(name, minimum_length=1)
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if isinstance(found, dict):
            return found
        return self.refuse(name, "must be a JSON object; the contracts are read at each start", instead={})

    def _secret_file(self, name: str) -> Path:
        return Path(self.text("SECRETS_DIR", default="/run/secrets")) / name


def stop_on_bad_configuration(service: str, problems: Sequence[ConfigError]) -> NoReturn:
    """Print a JSON line for each bad variable with its problem, then exit with :data:`EXIT_BAD_CONFIGURATION`.

    Args:
        service: the name in the lines, unless ``SERVICE_NAME`` gives the container its own.
        problems: the problems; the first of each variable is printed.
    """
    first: dict[str, ConfigError] = {}
    for error in problems:
        first.setdefault(error.name, error)
    for name, error in first.items():
        line = {
            "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "level": "critical",
            "service": service,
            "message": f"configuration: {error}",
            "variable": name,
        }
        print(json.dumps(line), file=sys.stderr, flush=True)
    sys.exit(EXIT_BAD_CONFIGURATION)


def load[Settings](
    service: str, build: Callable[[Env], Settings], variables: Mapping[str, str] | None = None
) -> Settings:
    """Build a service's settings once, or stop the process with a clear line for each problem.

    Args:
        service: the name in the lines.
        build: makes the settings from an :class:`Env`.
        variables: replaces the process environment.
    """
    problems: list[ConfigError] = []
    env = Env(variables, problems=problems)
    try:
        settings = build(env)
    except ConfigError as error:
        problems.append(error)
    else:
        if not problems:
            return settings
    stop_on_bad_configuration(env.text("SERVICE_NAME", default=service), problems)
