"""Strict reading of environment variables and secret files.

Each service has one configuration module that builds a frozen dataclass from an :class:`Env` once, at start.
A bad value never travels further than that module: the service stops with one line that names it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

#: sysexits.h's EX_CONFIG: something was found in an unconfigured or misconfigured state.
EXIT_BAD_CONFIGURATION = 78

TRUE_WORDS = frozenset({"1", "true", "yes", "on"})
FALSE_WORDS = frozenset({"0", "false", "no", "off"})


class ConfigError(Exception):
    """A variable or a secret that the service cannot start with.

    Args:
        name: the variable's or the secret file's name.
        problem: what is wrong with it and what would be right; it never quotes a secret.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {problem}")
        self.name = name
        self.problem = problem


class Env:
    """Typed access to variables and secret files; every method raises :class:`ConfigError` on a bad value.

    An empty variable counts as unset, because Compose passes ``${NAME:-}`` as an empty string.

    Args:
        variables: where variables are read from; the process environment unless told otherwise.
    """

    def __init__(self, variables: Mapping[str, str] | None = None) -> None:
        self._variables = os.environ if variables is None else variables

    def text(self, name: str, *, default: str | None = None, choices: Collection[str] | None = None) -> str:
        """Return a variable as text; ``choices`` limits what is accepted. Without a default it must be set."""
        value = self._variables.get(name, "").strip() or default
        if value is None:
            raise ConfigError(name, "is not set; .env.example explains it")
        if choices is not None and value not in choices:
            raise ConfigError(name, f"is {value!r}, must be one of {', '.join(sorted(choices))}")
        return value

    def integer(
        self, name: str, *, default: int | None = None, minimum: int | None = None, maximum: int | None = None
    ) -> int:
        """Return a variable as a whole number within ``minimum`` and ``maximum``, both inclusive."""
        value = self.text(name, default=None if default is None else str(default))
        if not re.fullmatch(r"[+-]?[0-9]{1,18}", value):
            raise ConfigError(name, f"is {value!r}, must be a whole number")
        number = int(value)
        if minimum is not None and number < minimum:
            raise ConfigError(name, f"is {number}, must be at least {minimum}")
        if maximum is not None and number > maximum:
            raise ConfigError(name, f"is {number}, must be at most {maximum}")
        return number

    def boolean(self, name: str, *, default: bool | None = None) -> bool:
        """Return a variable as a truth value; 1/true/yes/on and 0/false/no/off are accepted in any case."""
        value = self.text(name, default=None if default is None else str(default)).lower()
        if value in TRUE_WORDS:
            return True
        if value in FALSE_WORDS:
            return False
        raise ConfigError(name, f"is {value!r}, must be true or false")

    def words(self, name: str, *, default: str | None = None) -> tuple[str, ...]:
        """Return a comma-separated variable as a tuple of its non-empty, stripped parts."""
        return tuple(part.strip() for part in self.text(name, default=default).split(",") if part.strip())

    def secret(self, name: str, *, minimum_length: int = 16) -> str:
        """Return the text of the secret file ``name`` in ``SECRETS_DIR`` (default ``/run/secrets``).

        Args:
            name: the file's name.
            minimum_length: characters below which the secret counts as damaged.
        """
        path = Path(self.text("SECRETS_DIR", default="/run/secrets")) / name
        try:
            value = path.read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            raise ConfigError(name, f"secret file {path} is missing") from None
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
            raise ConfigError(name, f"secret file {path} cannot be read: {reason}") from None
        if not value:
            raise ConfigError(name, f"secret file {path} is empty")
        if len(value) < minimum_length:
            raise ConfigError(name, f"secret file {path} holds fewer than {minimum_length} characters")
        return value

    def optional_secret(self, name: str, *, minimum_length: int = 16) -> str | None:
        """Return the text of the secret file ``name``, or None if there is none; a damaged one is an error still.

        Args:
            name: the file's name.
            minimum_length: characters below which the secret counts as damaged.
        """
        there = (Path(self.text("SECRETS_DIR", default="/run/secrets")) / name).exists()
        return self.secret(name, minimum_length=minimum_length) if there else None


def stop_on_bad_configuration(service: str, error: ConfigError) -> NoReturn:
    """Print one JSON line that names the variable and the problem, then exit with :data:`EXIT_BAD_CONFIGURATION`."""
    line = {
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "level": "critical",
        "service": service,
        "message": f"configuration: {error}",
        "variable": error.name,
    }
    print(json.dumps(line), file=sys.stderr, flush=True)
    sys.exit(EXIT_BAD_CONFIGURATION)


def load[Settings](
    service: str, build: Callable[[Env], Settings], variables: Mapping[str, str] | None = None
) -> Settings:
    """Build a service's settings once, or stop the process with one clear line.

    Args:
        service: the name that the line carries.
        build: makes the settings from an :class:`Env`.
        variables: replaces the process environment.
    """
    try:
        return build(Env(variables))
    except ConfigError as error:
        stop_on_bad_configuration(service, error)
