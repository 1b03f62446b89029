"""The rollout program, packed into one file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import yaml  # type: ignore[import-untyped] # Ansible brings it

from cli.console import StackError
from cli.servers import program
from cli.settings import ROOT
from tests.support.waiting import PATIENCE

if TYPE_CHECKING:
    from pathlib import Path


def run(packed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-B", str(packed), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 60, check=False)


def test_it_runs_and_its_exit_status_comes_back(tmp_path: Path) -> None:
    packed = program.pack(packed=tmp_path / "new" / "rollout.pyz")

    assert "usage: landfast" in run(packed, "--help").stdout
    assert run(packed, "no-such-command").returncode == 2
    assert [path.name for path in packed.parent.iterdir()] == ["rollout.pyz"]


def test_it_says_so_where_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StackError, match="cannot be written"):
        program.pack(packed=tmp_path / "file" / "rollout.pyz")


def test_another_time_or_place_makes_no_other_file(tmp_path: Path) -> None:
    source = tmp_path / "rollout"
    source.mkdir()
    for path in program.SOURCE.glob("*.py"):
        (source / path.name).write_text(path.read_text())
        os.utime(source / path.name, (0, 0))

    first, second = program.pack(packed=tmp_path / "one"), program.pack(source, tmp_path / "two")

    assert first.read_bytes() == second.read_bytes()


def test_what_the_role_copies_from_the_checkout_is_there() -> None:
    """Ansible would notice a missing file only on the servers."""
    tasks = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "ansible/roles/release/tasks").glob("*.yml"))
    copied = re.findall(r'src: "\{\{ release_checkout \}\}/(.+)"', tasks)

    assert copied == ["rollout/host.py"]
    assert [path for path in copied if not (ROOT / path).is_file()] == []


def test_the_role_firewall_copies_all_that_its_program_imports() -> None:
    variables = yaml.safe_load((ROOT / "ansible/roles/firewall/vars/main.yml").read_text(encoding="utf-8"))
    copied = {f"{module}.py" for module in variables["firewall_egress_modules"]}

    assert copied == {"__init__.py", *(f"egress/{path.name}" for path in (ROOT / "rollout/egress").glob("*.py"))}
