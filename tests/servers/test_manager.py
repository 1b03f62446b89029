"""Playbooks work with the first manager that answers."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped] # Ansible brings it

from tests.support.stack import ROOT
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow  # each test runs Ansible

PLAYBOOKS = ROOT / "ansible/playbooks"
#: Playbooks that work on the machines one by one, or need none; a first install needs the first manager.
APART = {"docker.yml", "manager.yml", "replace.yml", "secrets.yml", "site.yml"}
#: Plays that stay with the first manager, with the reason.
FIRST = {
    "deploy.yml: Look at this machine": "no connection is made",
    "deploy.yml: Install the timers for the images' security updates": "one manager asks",
    "secrets.yml: Fill the vault": "no connection is made",
}


def choose(folder: Path, managers: dict[str, Any], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run ``manager.yml`` with an inventory of ``managers``, and tell which one was chosen.

    A manager without a connection of its own is this machine, whose Docker is a program in ``folder``.
    """
    docker = folder / "docker"
    docker.write_text('#!/bin/sh\n[ "$*" = "node ls --quiet" ]\n', encoding="ascii")
    docker.chmod(0o755)
    local = {"ansible_connection": "local", "ansible_become": False, "ansible_python_interpreter": sys.executable}
    hosts = {name: {**local, **own} for name, own in managers.items()}
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"children": {"managers": {"hosts": hosts}}}}), encoding="utf-8")
    tell = {"ansible.builtin.debug": {"msg": "CHOSEN {{ inventory_hostname }}"}}
    book = folder / "play.json"
    plays = [
        {"import_playbook": str(PLAYBOOKS / "manager.yml")},
        {"hosts": "landfast_steering", "gather_facts": False, "tasks": [tell]},
    ]
    book.write_text(json.dumps(plays), encoding="utf-8")
    more = ["--extra-vars", json.dumps(variables)] if variables else []
    return subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "--inventory", str(inventory), *more, str(book)],
        env={
            **os.environ, "ANSIBLE_HOME": str(folder / "home"), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8",
            "PATH": f"{folder}:{os.environ['PATH']}",
        },
        capture_output=True, text=True, timeout=PATIENCE * 120, check=False,
    )  # fmt: skip


@pytest.fixture
def gone() -> dict[str, Any]:
    """Return the variables of a manager that cannot be reached."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    return {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": port}


#: A manager without a majority: its Docker refuses the command.
CUT_OFF = {"ansible_connection": "local", "ansible_remote_tmp": "/nowhere", "ansible_python_interpreter": "/bin/false"}


def test_the_first_of_several_is_taken(tmp_path: Path) -> None:
    run = choose(tmp_path, {"server-1": {}, "server-2": {}})

    assert re.findall(r"CHOSEN ([\w-]+)", run.stdout) == ["server-1"], run.stdout + run.stderr


def test_the_next_is_taken_where_the_first_is_gone(tmp_path: Path, gone: dict[str, Any]) -> None:
    run = choose(tmp_path, {"server-1": gone, "server-2": CUT_OFF, "server-3": {}})

    assert re.findall(r"CHOSEN ([\w-]+)", run.stdout) == ["server-3"], run.stdout + run.stderr
    assert run.returncode == 0


def test_a_manager_that_is_to_be_removed_is_not_taken(tmp_path: Path) -> None:
    run = choose(tmp_path, {"server-1": {}, "server-2": {}}, manager_but="server-1")

    assert re.findall(r"CHOSEN ([\w-]+)", run.stdout) == ["server-2"], run.stdout + run.stderr


def test_it_is_told_that_no_manager_answers(tmp_path: Path, gone: dict[str, Any]) -> None:
    run = choose(tmp_path, {"server-1": gone})

    assert run.returncode != 0
    assert "No manager answers: none can be reached" in " ".join(run.stdout.split())


@pytest.mark.parametrize("name", sorted(path.name for path in PLAYBOOKS.glob("*.yml") if path.name not in APART))
def test_a_playbook_asks_for_a_manager_and_names_none(name: str) -> None:
    text = (PLAYBOOKS / name).read_text(encoding="utf-8")
    plays = yaml.safe_load(text)

    assert any(play.get("ansible.builtin.import_playbook") == "manager.yml" for play in plays)
    named = {f"{name}: {play['name']}" for play in plays if play.get("hosts") == "managers[0]"}
    assert named == {play for play in FIRST if play.startswith(f"{name}: ")}
    assert "landfast_first_manager" not in text
