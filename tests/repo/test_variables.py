"""``.env.example`` lists exactly the variables that code and Compose files read, each with its reason and default."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING

from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

EXAMPLE = ROOT / ".env.example"
COMPOSE_FILES = sorted(ROOT.glob("compose*.yaml"))
SERVICE_CODE = [
    path
    for folder in ("libs", "services", "images", "nginx")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if "tests" not in path.parts
]
CLI_CODE = [ROOT / "stack", *sorted((ROOT / "cli").glob("*.py"))]

#: The methods of ``landfast_runtime.env.Env`` that read a variable.
READERS = {"text", "integer", "boolean", "words"}
#: What the machine or its administrator sets for every program, not for this one.
SYSTEM = {
    "CI", "DEBIAN_FRONTEND", "HOME", "LANG", "PATH", "SSL_CERT_FILE", "SUDO_UID", "SUDO_USER", "XDG_CACHE_HOME",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "NO_COLOR", "TERM", "DOCKER_HOST",
}  # fmt: skip

COMPOSE_READS = re.compile(r"(?<!\$)\$\{([A-Z][A-Z0-9_]*)(?::?-([^}]*))?")
LISTED = re.compile(r"^#? ?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


def constants(path: Path) -> Iterator[str]:
    """Yield the names that a Python file reads from the environment."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name: ast.expr | None = None
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            from_env = node.func.attr in READERS
            from_os = node.func.attr == "get" and ast.unparse(node.func.value).endswith("environ")
            name = node.args[0] if from_env or from_os else None
        elif isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("environ"):
            name = node.slice
        if isinstance(name, ast.Constant) and isinstance(name.value, str) and name.value.isupper():
            yield name.value


def compose_variables() -> dict[str, set[str]]:
    """Return what the Compose files read, each with the defaults that they give."""
    found: dict[str, set[str]] = {}
    for path in COMPOSE_FILES:
        for name, default in COMPOSE_READS.findall(path.read_text(encoding="utf-8")):
            found.setdefault(name, set()).add(default)
    return found


def listed() -> dict[str, str]:
    """Return the variables of ``.env.example`` with the value that stands there."""
    return dict(LISTED.findall(EXAMPLE.read_text(encoding="utf-8")))


def code_variables() -> set[str]:
    return {name for path in SERVICE_CODE for name in constants(path)} - SYSTEM


def cli_variables() -> set[str]:
    return {name for path in CLI_CODE if path.is_file() for name in constants(path)} - SYSTEM


def test_every_variable_that_compose_files_read_is_listed() -> None:
    assert set(compose_variables()) - set(listed()) == set()


def test_every_variable_that_services_read_is_listed() -> None:
    assert code_variables(), "the search finds some"
    assert code_variables() - set(listed()) == set()


def test_every_variable_that_the_command_line_reads_is_listed() -> None:
    assert cli_variables() - set(listed()) == set()


def test_every_listed_variable_is_read_somewhere() -> None:
    assert set(listed()) - set(compose_variables()) - code_variables() - cli_variables() == set()


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


def test_nobody_reads_the_environment_past_the_typed_module() -> None:
    allowed = {"libs/runtime/landfast_runtime/env.py"}
    found = {
        str(path.relative_to(ROOT))
        for path in SERVICE_CODE
        if re.search(r"\bos\.(environ|getenv)\b", path.read_text(encoding="utf-8"))
    }
    assert found - allowed == set()
