"""Conditions of roles, evaluated by Ansible itself with invented facts, without any machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml  # type: ignore[import-untyped] # Ansible brings it

from tests.support.stack import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

ROLES = ROOT / "ansible/roles"


def conditions(path: Path, name: str, key: str) -> list[str]:
    """Return the conditions of the task ``name``, which may be in a block."""

    def found(tasks: Sequence[Mapping[str, Any]]) -> list[Any]:
        own = [task for task in tasks if task.get("name") == name]
        return own + [one for task in tasks for one in found(task.get("block", []))]

    (task,) = found(yaml.safe_load(path.read_text(encoding="utf-8")))
    value = task["ansible.builtin.assert"]["that"] if key == "that" else task[key]
    return [value] if isinstance(value, str) else list(value)


def outcomes(folder: Path, asked: Sequence[str], cases: Sequence[Mapping[str, Any]]) -> list[bool]:
    """Return whether all conditions hold, for each case of variables."""
    tasks = [
        {
            "name": f"case {number}",
            "ansible.builtin.set_fact": {f"case_{number}": "{{ " + " and ".join(f"({one})" for one in asked) + " }}"},
            "vars": dict(case),
        }
        for number, case in enumerate(cases)
    ]
    told = "OUTCOMES{{ [" + ", ".join(f"case_{number}" for number in range(len(cases))) + "] | to_json }}END"
    tasks.append({"name": "tell", "ansible.builtin.debug": {"msg": told}})
    book = folder / "play.json"
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "--inventory", "localhost,", "--connection", "local", str(book)],
        env={**os.environ, "ANSIBLE_HOME": str(folder), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8"},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    answers = json.loads(run.stdout.partition("OUTCOMES")[2].partition("END")[0].replace("\\", ""))
    return [str(answer) == "True" for answer in answers]


@pytest.mark.slow
def test_a_first_install_needs_room_and_a_server_that_runs_does_not(tmp_path: Path) -> None:
    asked = conditions(ROLES / "landfast/tasks/machine.yml", "Check disk and memory", "that")

    def case(free: str, images: str, minimum: int | str = 8000) -> dict[str, Any]:
        return {
            "landfast_disk": {"stdout_lines": ["Avail", free]},
            "landfast_images": {"stdout": images} if images else {"rc": 2, "msg": "no such file"},
            "landfast_minimum_disk_mb": minimum,
            "landfast_minimum_memory_mb": "1800",
            "ansible_facts": {"memtotal_mb": 2000},
        }

    cases = [case(" 7168", ""), case(" 7168", "4f0e2a"), case(" 8800", ""), case(" 1100", "", "1000")]
    assert outcomes(tmp_path, asked, cases) == [False, True, True, True]


@pytest.mark.slow
def test_the_heartbeat_is_set_where_it_is_another(tmp_path: Path) -> None:
    asked = conditions(ROLES / "swarm/tasks/main.yml", "Set the heartbeat period", "when")

    def case(period: int | None, wanted: int | str) -> dict[str, Any]:
        dispatcher = {} if period is None else {"HeartbeatPeriod": period}
        return {"swarm_itself": {"json": {"Spec": {"Dispatcher": dispatcher}}}, "swarm_heartbeat_seconds": wanted}

    cases = [case(5_000_000_000, 30), case(30_000_000_000, 30), case(30_000_000_000, "30"), case(None, 30)]
    assert outcomes(tmp_path, asked, cases) == [True, False, False, True]


@pytest.mark.slow
def test_a_handler_restarts_no_docker_that_runs_containers_of_a_swarm(tmp_path: Path) -> None:
    asked = conditions(ROLES / "docker/handlers/main.yml", "Restart Docker under systemd", "when")
    spared = yaml.safe_load((ROLES / "docker/vars/main.yml").read_text(encoding="utf-8"))["docker_is_spared"]

    def case(containers: str, swarm: str, *, spare: bool = False) -> dict[str, Any]:
        return {
            "docker_is_spared": spared,
            "docker_is_absent": False,
            "docker_spare_containers": spare,
            "docker_containers": {"stdout": containers},
            "docker_swarm": {"stdout": swarm},
            "ansible_facts": {"service_mgr": "systemd"},
        }

    member, laptop, bare = case("4f0e2a", "active\n"), case("4f0e2a", "inactive"), case("", "active")
    spares = case("4f0e2a", "inactive", spare=True)
    assert outcomes(tmp_path, asked, [member, laptop, bare, spares]) == [False, True, True, False]
