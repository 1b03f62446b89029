"""Shells complete the words of the argument parsers; there is no second list of them."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess

import pytest
import yaml  # type: ignore[import-untyped] # Ansible brings it

from cli import applications, checks, commands, completion, main, services
from cli.settings import ROOT
from cli.shortcuts import SHORTCUTS, applications_own
from contract.derived import derive
from contract.files import read


def complete(*typed: str) -> list[str]:
    return completion.words(typed, main.parser(checks.parser()))


def test_it_completes_every_command() -> None:
    general = {"up", "down", "doctor", "secret", "logs", "test", "debug", "completion"}
    assert set(complete("")) >= general | {*SHORTCUTS, *applications_own()}


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (("do",), ["doctor", "down"]),
        (("--v",), ["--version"]),
        (("down", "--vol"), ["--volumes"]),
        (("test", "--q"), ["--quick"]),
        (("test", "tests-web"), ["tests-web-django"]),
        (("test", "--all", "web-d"), ["web-django"]),
        (("logs", "worker", "api-f"), ["api-flask"]),
        (("logs", "--request", ""), []),
        (("shell", "web-d"), ["web-django"]),
        (("secret", "admin"), ["admin_password"]),
        (("completion", "z"), ["zsh"]),
        (("manage", "migr"), []),
        (("upgrade", "--f"), ["--from"]),
    ],
)
def test_it_completes_what_may_come_next(typed: tuple[str, ...], found: list[str]) -> None:
    assert complete(*typed) == found


def test_it_completes_the_services_that_can_be_debugged() -> None:
    assert complete("debug", "") == sorted(commands.debugged())


def test_the_services_are_those_of_the_compose_files() -> None:
    found: dict[str, str] = {}
    for path in (*applications.files(), *applications.files("override")):
        plain = re.sub(r"!(override|reset) ", "", path.read_text(encoding="utf-8"))
        for service, entry in yaml.safe_load(plain)["services"].items():
            if path.parent != ROOT:
                found.setdefault(service, path.parent.name)
            elif "image" in entry:
                found[service] = entry["image"].rpartition("/")[2]

    assert services.images() == found


def test_the_secrets_are_those_of_the_contracts() -> None:
    contracts = read(ROOT)
    files = {secret for each in contracts for given in each.secrets.values() for secret in given.values()}
    # People do not ask for a password that is only a part of variables.
    passwords = {name for name in derive(contracts).declared if re.fullmatch(r"(postgres|rabbitmq)_\w+_password", name)}
    own = {name for each in contracts for name in each.needs.get("secrets") or {}}

    assert set(completion.secrets()) == set(derive(contracts).declared) - (passwords - files - own)


def test_the_applications_are_those_of_the_contracts() -> None:
    assert [str(path.relative_to(ROOT)) for path in applications.files()] == [each.file for each in read(ROOT)]


COMPLETED = {
    "bash": "COMP_WORDS=({words} {last}); COMP_CWORD={number}; _landfast_stack; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
    "zsh": "words=({words} {last}); CURRENT={position}; _landfast_stack",
}


@pytest.mark.parametrize("shell", completion.SCRIPTS)
@pytest.mark.parametrize(
    ("words", "last", "found"), [(["logs", "web-django"], "worker-d", "worker-dramatiq"), ([], "ver", "")]
)
def test_a_shell_completes_by_the_script(shell: str, words: list[str], last: str, found: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    line = {"words": shlex.join([str(ROOT / "stack"), *words]), "last": last, "number": len(words) + 1}
    stubs = "compdef() { :; }; _files() { :; }; compadd() { shift; printf '%s\\n' ${(P)1}; };" if shell == "zsh" else ""
    asked = COMPLETED[shell].format(**line, position=len(words) + 2)
    script = f"{stubs}\n{completion.SCRIPTS[shell]}\n{asked}"

    printed = subprocess.run([shell, "-c", script], capture_output=True, text=True, check=True).stdout

    assert printed.split() == found.split()
