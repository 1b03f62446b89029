"""The playbook's task that shows a rollout as it goes on: ``follow_rollout`` of the role release."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.servers.clock import Clock
from tests.support.waiting import PATIENCE

PLUGIN = Path(__file__).parents[2] / "ansible/roles/release/action_plugins/follow_rollout.py"
#: Answers of ``landfast follow``, one for each line of a file; the numbers of known lines are written into another one.
LANDFAST = """#!/bin/sh
echo "$*" >> asked
head -n 1 answers
sed -i 1d answers
"""


def answer(*lines: str, ended: bool = False, alive: bool = True) -> str:
    return json.dumps({"lines": lines, "ended": ended, "alive": alive})


@pytest.mark.slow
def test_a_playbook_shows_the_lines_of_a_rollout_as_they_come(tmp_path: Path) -> None:
    (tmp_path / "landfast").write_text(LANDFAST, encoding="ascii")
    (tmp_path / "landfast").chmod(0o755)
    answers = [answer("db: healthy", "web: 1 of 2"), answer(), answer("web: healthy", ended=True, alive=False)]
    (tmp_path / "answers").write_text("\n".join([*answers, ""]), encoding="ascii")
    book = tmp_path / "play.json"
    tasks = [
        {"follow_rollout": {"result": "/a run.result", "away": 60}, "register": "followed"},
        {"ansible.builtin.debug": {"msg": "ENDED {{ followed.ended }}"}},
    ]
    book.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]), encoding="ascii")

    run = subprocess.run(
        [sys.executable, "-m", "ansible", "playbook", "--inventory", "localhost,", "--connection", "local", str(book)],
        env={
            **os.environ, "ANSIBLE_HOME": str(tmp_path / "home"), "ANSIBLE_NOCOLOR": "1", "LC_ALL": "C.UTF-8",
            "ANSIBLE_ACTION_PLUGINS": str(PLUGIN.parent), "PATH": f"{tmp_path}:{os.environ['PATH']}",
        },
        cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE * 120, check=False,
    )  # fmt: skip

    assert run.returncode == 0, run.stdout + run.stderr
    shown = [line for line in run.stdout.splitlines() if line.startswith("  ") and "ENDED" not in line]
    assert shown == ["  db: healthy", "  web: 1 of 2", "  web: healthy"]
    assert "ENDED True" in run.stdout
    asked = (tmp_path / "asked").read_text(encoding="ascii").splitlines()
    assert asked == [f"follow /a run.result --known {known}" for known in (0, 2, 2)]


class Manager:
    """A manager that gives its answers one after the other; the last one again and again.

    Args:
        answers: the output of ``landfast follow``.
    """

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.resets = 0

    def execute(self, _: str) -> dict[str, str]:
        return {"stdout": self.answers.pop(0) if len(self.answers) > 1 else self.answers[0], "stderr": "closed"}

    def reset(self) -> None:
        self.resets += 1


def follow(manager: Manager, monkeypatch: pytest.MonkeyPatch) -> tuple[dict[str, Any], list[str]]:
    """Let the plugin follow a rollout on ``manager``; return its result and the lines that it shows."""
    spec = importlib.util.spec_from_file_location("follow_rollout", PLUGIN)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shown: list[str] = []
    monkeypatch.setattr(module, "time", Clock())
    monkeypatch.setattr(module, "Display", lambda: SimpleNamespace(display=shown.append))
    monkeypatch.setattr(module.ActionBase, "run", lambda *_: {})
    plugin = object.__new__(module.ActionModule)
    plugin._task = SimpleNamespace(args={"result": "run.result", "away": 600})
    plugin._connection = manager
    plugin._low_level_execute_command = manager.execute
    return plugin.run(task_vars={"inventory_hostname": "server-1"}), shown


def test_it_follows_over_a_restart_of_the_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    manager = Manager(
        answer("web: 1 of 2"), "", "", answer(alive=False), answer(), answer("one still serves", ended=True)
    )

    result, shown = follow(manager, monkeypatch)

    assert result == {"changed": True, "ended": True}
    assert shown == ["  web: 1 of 2", "  no connection to server-1; the rollout goes on there", "  one still serves"]
    assert manager.resets == 2


def test_a_manager_that_stays_away_is_unreachable(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = follow(Manager(""), monkeypatch)

    assert result == {"unreachable": True, "msg": "no connection for 600 s: closed"}


def test_a_rollout_that_nobody_ends_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    result, _ = follow(Manager(answer(alive=False)), monkeypatch)

    assert result == {"changed": True, "ended": False}
