"""The modules that hand secrets to a host and to its Swarm."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping

LIBRARY = Path(__file__).parents[2] / "ansible/roles/release/library"
#: A Docker that has the secret ``known_1``, and keeps what it is told.
DOCKER = """#!/bin/sh
case $2 in
    ls) echo known_1 ;;
    create) shift 2; { echo "$*"; cat; echo .; } >> "$TOLD" ;;
esac
"""
SECRET = "swordfish"


def run(name: str, parameters: Mapping[str, Any], **variables: str) -> dict[str, Any]:
    """Run a module as Ansible does, and return its result; it shows no value."""
    done = subprocess.run(
        [sys.executable, str(LIBRARY / f"{name}.py")], input=json.dumps({"ANSIBLE_MODULE_ARGS": dict(parameters)}),
        env={**os.environ, **variables}, capture_output=True, text=True, check=False, timeout=PATIENCE * 20,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert SECRET not in done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file with what Docker was told."""
    program = tmp_path / "docker"
    program.write_text(DOCKER)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    return tmp_path / "told"


def test_files_are_written_once_each_with_its_mode(tmp_path: Path) -> None:
    parameters = {"path": str(tmp_path), "files": {"password": SECRET, "users": '{"a": 1}'}, "mode": "0440"}

    assert run("secret_files", parameters)["changed"]
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == parameters["files"]
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o440}
    assert not run("secret_files", parameters)["changed"]


def test_a_file_with_another_content_or_mode_is_changed(tmp_path: Path) -> None:
    parameters = {"path": str(tmp_path), "files": {"password": SECRET, "other": "same"}, "mode": "0440"}
    run("secret_files", parameters)
    unchanged = (tmp_path / "other").stat().st_ino

    assert run("secret_files", {**parameters, "files": {"password": f"new {SECRET}", "other": "same"}})["changed"]
    assert (tmp_path / "password").read_text() == f"new {SECRET}"
    assert (tmp_path / "other").stat().st_ino == unchanged
    assert run("secret_files", {**parameters, "mode": "0400"})["changed"]
    assert (tmp_path / "other").stat().st_mode & 0o777 == 0o400


def test_a_number_is_written_as_its_digits(tmp_path: Path, told: Path) -> None:
    number = 1234567890123456  # as YAML has it without quotes
    (tmp_path / "files").mkdir()
    run("secret_files", {"path": str(tmp_path / "files"), "files": {"password": number}})
    run("swarm_secrets", {"secrets": {"new_1": number}, "labels": {"new_1": "new"}, "label": "x"})

    assert (tmp_path / "files/password").read_text() == str(number)
    assert told.read_text().endswith(f"\n{number}.\n")


def test_check_mode_writes_no_file(tmp_path: Path) -> None:
    parameters = {"path": str(tmp_path / "missing"), "files": {"password": SECRET}, "_ansible_check_mode": True}

    assert run("secret_files", parameters)["changed"]
    assert not list(tmp_path.iterdir())


def test_a_swarm_gets_the_secrets_that_it_lacks(told: Path) -> None:
    values = {"known_1": SECRET, "new_1": f"{SECRET}\nand more"}
    parameters = {"secrets": values, "labels": {"known_1": "known", "new_1": "new"}, "label": "landfast.secret"}

    found = run("swarm_secrets", parameters)

    assert (found["changed"], found["created"]) == (True, ["new_1"])
    assert told.read_text() == f"--label=landfast.secret=new new_1 -\n{SECRET}\nand more.\n", "no newline is added"


@pytest.mark.parametrize(("secrets", "changed"), [({"known_1": SECRET}, False), ({"new_1": SECRET}, True)])
def test_a_swarm_is_left_alone_in_check_mode_or_if_it_has_all(
    told: Path, secrets: dict[str, str], *, changed: bool
) -> None:
    labels = dict.fromkeys(secrets, "some")
    check = {"_ansible_check_mode": changed}

    assert run("swarm_secrets", {"secrets": secrets, "labels": labels, "label": "x", **check})["changed"] is changed
    assert not told.exists()
