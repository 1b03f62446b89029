"""``.env.example`` lists exactly the variables that code and Compose files read, each with its reason and default."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from contract.files import read
from tests.support.stack import ROOT

if TYPE_CHECKING:
    from pathlib import Path

EXAMPLE = ROOT / ".env.example"
COMPOSE_FILES = sorted([*ROOT.glob("compose*.yaml"), *ROOT.glob("services/*/compose*.yaml")])
SERVICE_FILES = [
    path
    for folder in ("libs", "services", "images", "nginx", "console")
    for path in sorted((ROOT / folder).rglob("*.*"))
    if not {"tests", "testing"} & {*path.relative_to(ROOT).parts}
]
SERVICE_CODE = [path for path in SERVICE_FILES if path.suffix == ".py"]
CLI_CODE = [ROOT / "stack", *sorted((ROOT / "cli").glob("*.py"))]

#: The methods of ``landfast_runtime.env.Env`` and of the command line's settings that read a variable, and Python's
#: own. No ``ast``: this runs with the host's Python, which may be too old for the services' code.
READS = re.compile(r"""(?:\.(?:text|integer|boolean|words)|\bvalue)\(\s*"([A-Z][A-Z0-9_]+)\"""")
READS_PAST = re.compile(r"""(?:\benviron\.get\(|\bgetenv\(|\benviron\[)\s*"([A-Z][A-Z0-9_]+)\"""")
#: Variables that the machine or its administrator sets for all programs.
SYSTEM = {
    "CI", "DEBIAN_FRONTEND", "HOME", "LANG", "PATH", "PYTHONPATH", "SSL_CERT_FILE", "SUDO_UID", "SUDO_USER",
    "XDG_CACHE_HOME", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "NO_COLOR", "TERM", "DOCKER_HOST",
}  # fmt: skip

#: A default may contain another variable with its own default.
COMPOSE_READS = re.compile(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)(?::?-((?:\$\{[^{}]*\}|[^{}])*))?")
NESTED = re.compile(r"\$\{[A-Z0-9_]+:-([^{}]*)\}")
#: Variables that contracts fill in are documented there, next to the code that reads them.
FILLED_IN = {name for each in read(ROOT) for variables in each.environment.values() for name in variables}
LISTED = re.compile(r"^#? ?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


def names_read(path: Path) -> set[str]:
    """Return the names that a Python file reads from the environment, with or without the typed module."""
    text = path.read_text(encoding="utf-8")
    return {*READS.findall(text), *READS_PAST.findall(text)} - SYSTEM - FILLED_IN


def compose_variables() -> dict[str, set[str]]:
    """Return the variables that the Compose files read, each with its defaults."""
    found: dict[str, set[str]] = {}
    for path in COMPOSE_FILES:
        for name, default in COMPOSE_READS.findall(path.read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(NESTED.sub(r"\1", default))
    return found


def listed() -> dict[str, str]:
    """Return the variables of ``.env.example`` with their values."""
    found = LISTED.findall(EXAMPLE.read_text(encoding="utf-8"))
    return {name: re.split(r"\s{2,}", value)[0].strip() for name, value in found}  # a comment may follow


def code_variables() -> set[str]:
    return {name for path in SERVICE_CODE for name in names_read(path)}


def configuration_variables() -> set[str]:
    """Return the variables that uWSGI's configuration and the images' shell scripts read."""
    paths = [path for path in SERVICE_FILES if path.suffix in {".ini", ".sh"}]
    return {
        name for path in paths for name in re.findall(r"\$[({]?([A-Z][A-Z0-9_]+)", path.read_text(encoding="utf-8"))
    }


def cli_variables() -> set[str]:
    return {name for path in CLI_CODE if path.is_file() for name in names_read(path)}


def test_every_variable_that_compose_files_read_is_listed() -> None:
    assert set(compose_variables()) - set(listed()) == set()


def test_every_variable_that_services_read_is_listed() -> None:
    assert code_variables(), "the search finds some"
    assert code_variables() - set(listed()) == set()


def test_every_variable_that_the_command_line_reads_is_listed() -> None:
    assert cli_variables() - set(listed()) == set()


def test_every_listed_variable_is_read_somewhere() -> None:
    read = set(compose_variables()) | code_variables() | configuration_variables() | cli_variables()

    assert set(listed()) - read == set()


def test_every_listed_variable_has_its_reason_above_it() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    without = []
    for number, line in enumerate(lines):
        above = lines[number - 1] if number else ""
        if LISTED.match(line) and not LISTED.match(above) and not above.startswith("# "):
            without.append(line)
    assert not without


def test_the_listed_defaults_are_those_of_the_compose_file() -> None:
    compose = {name: defaults for name, defaults in compose_variables().items() if name in listed()}
    different = {
        name: (listed()[name], sorted(defaults))
        for name, defaults in compose.items()
        if listed()[name].strip("'\"") not in defaults
    }
    assert not different


def test_no_service_reads_its_settings_past_the_typed_module() -> None:
    found = {name for path in SERVICE_CODE for name in READS_PAST.findall(path.read_text(encoding="utf-8"))}

    assert found - SYSTEM - FILLED_IN == set()
